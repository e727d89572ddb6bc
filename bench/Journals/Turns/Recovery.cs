using System.Diagnostics;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;

namespace Evergrain.Journals.Turns;

/// <summary>One conversation brought back from its journal.</summary>
/// <param name="TotalMs">From the first look at the journal to a conversation that can be asked.</param>
/// <param name="RecoverMs">The conversation's own part of it; the rest is reading.</param>
/// <param name="StartMs">What the start of the next turn took, which renders the branch for its model.</param>
/// <param name="Allocated">Bytes allocated up to and without that start.</param>
internal readonly record struct Recovery(double TotalMs, double RecoverMs, double StartMs, double Allocated)
{
    private const int InputBytes = 2_000;
    private const ulong Activation = 3;

    /// <summary>Reads the journal and applies it, as an activation does, and begins a turn.</summary>
    public static async Task<Recovery> RunAsync(IJournal journal, ConversationKey key, int items,
        CancellationToken cancellationToken)
    {
        var create = RecordedTurns.Create(key, (items / RecordedTurns.TurnItems) + 1, InputBytes);
        var ids = new SeededIdSource(3);
        var allocated = GC.GetTotalAllocatedBytes(precise: true);
        var begun = Stopwatch.GetTimestamp();
        var conversation = new Conversation(key, Activation, RecordedTurns.Models, ids);
        var recovering = 0L;
        await foreach (var entry in journal.ReadAsync(key, JournalEnd.None, cancellationToken))
        {
            var applying = Stopwatch.GetTimestamp();
            conversation.Recover(entry);
            recovering += Stopwatch.GetTimestamp() - applying;
        }

        var total = Stopwatch.GetElapsedTime(begun);
        allocated = GC.GetTotalAllocatedBytes(precise: true) - allocated;
        if (conversation.Work.Recovered != items)
        {
            throw new InvalidOperationException($"{conversation.Work.Recovered} of {items} items came back.");
        }

        begun = Stopwatch.GetTimestamp();
        conversation.StartTurn(new StartTurn
        {
            Key = key,
            RequestId = ids.Next128(),
            Lease = default,
            Create = create,
        }, DateTimeOffset.UnixEpoch);
        var start = Stopwatch.GetElapsedTime(begun);
        return new Recovery(total.TotalMilliseconds, Stopwatch.GetElapsedTime(0, recovering).TotalMilliseconds,
            start.TotalMilliseconds, allocated);
    }
}
