using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;
using Microsoft.Extensions.Logging;

namespace Evergrain.Frontend.Embedded;

/// <summary>What every conversation of a host shares.</summary>
internal sealed record EmbeddedContext
{
    private long _moment;

    public required IJournal Journal { get; init; }

    public required ModelCatalog Models { get; init; }

    public required IIdSource Ids { get; init; }

    public required TimeProvider Time { get; init; }

    public required ILogger Logger { get; init; }

    public required ConversationInstruments Instruments { get; init; }

    public required WarmMemory WarmBytes { get; init; }

    public required EmbeddedOptions Options { get; init; }

    /// <summary>What this host's own activations left open.</summary>
    public LostActivations Lost { get; } = new();

    /// <summary>The check on new input; null: there is none.</summary>
    public InputGate? InputGate { get; init; }

    /// <summary>
    /// A moment after all that were given before: whether a look at a journal that others write too began after a
    /// request was made. A clock would do but for two things at one reading of it.
    /// </summary>
    public long NextMoment() => Journal.IsExclusive ? 0 : Interlocked.Increment(ref _moment);

    // Journal calls are never abandoned: the outcome of an append must be known.
    public IAsyncEnumerable<JournalEntry> ReadJournalAsync(ConversationKey key, JournalEnd from) =>
        Journal.ReadAsync(key, from, CancellationToken.None);

    public ValueTask AppendAsync(ConversationKey key, Effect.Append append, ulong writer) =>
        Journal.AppendAsync(key, append.End, writer, append.Records, CancellationToken.None);
}

/// <summary>Adds up what warm conversations hold, and calls for a sweep when that is over the budget.</summary>
internal sealed class WarmMemory(long budget, ConversationInstruments instruments)
{
    private readonly SemaphoreSlim _overBudget = new(0, 1);
    private long _bytes;

    /// <summary>Bytes over the budget; negative: room.</summary>
    public long Excess => Interlocked.Read(ref _bytes) - budget;

    public void Change(long difference)
    {
        if (difference == 0)
        {
            return;
        }

        instruments.WarmBytesChanged(difference);
        if (Interlocked.Add(ref _bytes, difference) > budget && difference > 0 && _overBudget.CurrentCount == 0)
        {
            Signal();
        }
    }

    /// <summary>Waits until the budget is exceeded or someone calls for a sweep.</summary>
    public Task WaitAsync(CancellationToken cancellationToken) => _overBudget.WaitAsync(cancellationToken);

    /// <summary>Calls for a sweep.</summary>
    public void Signal()
    {
        try
        {
            _overBudget.Release();
        }
        catch (SemaphoreFullException)
        {
            // Someone else called for the same sweep.
        }
    }
}
