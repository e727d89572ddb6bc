using System.Collections.Concurrent;
using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Microsoft.Extensions.Logging;

namespace Evergrain.Frontend.InProcess;

/// <summary>
/// The conversations that are warm in this process. The coldest go by a byte budget and by idle time, and come back
/// from the journal on the next call.
/// </summary>
public sealed class InProcessConversations : IAsyncDisposable
{
    private static readonly TimeSpan RestInterval = TimeSpan.FromMilliseconds(50);
    private static readonly Refusal Stopped = new(RefusalKind.Unavailable, "The server is stopping: try again.");
    private readonly ConcurrentDictionary<ConversationKey, LocalConversation> _warm = new();
    private readonly Lock _activating = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly InputChecks? _checks;
    private readonly InProcessContext _context;
    private readonly Task _sweeping;
    private readonly Task _comparing;
    private Task? _disposing;

    internal InProcessConversations(
        HostContext host, InputChecks? checks, InProcessOptions options, JournalReturns returns)
    {
        _checks = checks;
        _context = new InProcessContext(host, options, Forget);
        _sweeping = SweepAsync();
        _comparing = returns.WatchAsync(
            () => _warm.Values, conversation => host.Journal.CompareAsync(conversation), _stopping.Token);
    }

    /// <summary>How many are warm now.</summary>
    public int Count => _warm.Count;

    /// <summary>Lets every idle conversation go, whatever the budget, and ends when they are gone.</summary>
    public async Task PassivateIdleAsync()
    {
        foreach (var conversation in _warm.Values)
        {
            await conversation.LeaveIfIdleAsync();
        }
    }

    /// <summary>
    /// Ends running turns as interrupted, waits until that is durable and their readers have seen it, and lets
    /// everything go.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        Task disposing;
        lock (_activating)
        {
            // From here on no conversation is added.
            disposing = _disposing ??= StopAsync();
        }

        await disposing;
    }

    /// <summary>Ends when no turn runs, whether anybody waits for it or not.</summary>
    internal async Task RestAsync(CancellationToken cancellationToken)
    {
        // Not its values: they are a copy, and a process may hold many conversations.
        while (_warm.Any(static warm => !warm.Value.IsAtRest))
        {
            await Task.Delay(RestInterval, _context.Host.Services.Time, cancellationToken);
        }
    }

    /// <summary>A conversation, opened if it is not warm.</summary>
    /// <exception cref="ConversationException">The host stops.</exception>
    internal IConversationCalls Find(ConversationKey key)
    {
        if (_warm.TryGetValue(key, out var conversation))
        {
            return conversation;
        }

        lock (_activating)
        {
            if (_warm.TryGetValue(key, out conversation))
            {
                return conversation;
            }

            if (_disposing is not null)
            {
                throw new ConversationException(Stopped);
            }

            // Added before it opens: it may end, and be forgotten, at once.
            _warm[key] = conversation = new LocalConversation(key, _checks, _context);
        }

        _ = conversation.OpenAsync();
        return conversation;
    }

    /// <summary>A conversation that is warm; null: it is not.</summary>
    internal IConversationCalls? FindWarm(ConversationKey key) => _warm.GetValueOrDefault(key);

    private void Forget(LocalConversation conversation) =>
        _warm.TryRemove(new KeyValuePair<ConversationKey, LocalConversation>(conversation.Key, conversation));

    private async Task StopAsync()
    {
        await _stopping.CancelAsync();
        await Task.WhenAll(_sweeping, _comparing);
        await Task.WhenAll(_warm.Values.Select(static conversation => conversation.StopAsync()));
        _stopping.Dispose();
    }

    private async Task SweepAsync()
    {
        var interval = _context.Options.SweepInterval;
        await using var timer = _context.Host.Services.Time.CreateTimer(
            _ => _context.Warm.AskForSweep(), null, interval, interval);
        try
        {
            while (true)
            {
                await _context.Warm.WaitAsync(_stopping.Token);
                await SweepOnceAsync();
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // The host stops.
        }
    }

    // One after the other: until a conversation is gone its bytes count, and another would go for them.
    private async Task SweepOnceAsync()
    {
        foreach (var conversation in _warm.Values.Where(static conversation => conversation.IsIdle)
            .OrderBy(static conversation => conversation.LastUse))
        {
            var idle = _context.Host.Services.Time.GetElapsedTime(conversation.LastUsed);
            if (_context.Warm.Excess <= 0)
            {
                if (idle <= _context.Options.WarmTime)
                {
                    return;
                }

                if (conversation.Keeps)
                {
                    continue;
                }
            }

            await conversation.LeaveIfIdleAsync();
        }
    }
}

/// <summary>What the conversations of the host share.</summary>
internal sealed class InProcessContext(HostContext host, InProcessOptions options, Action<LocalConversation> forget)
{
    private long _uses;

    public HostContext Host => host;

    public InProcessOptions Options => options;

    public StartLine Starts { get; } = new();

    public WarmBytes Warm { get; } = new(
        () => host.Services.Instruments.Holding?.WarmBytesMax(options.WarmBytesMax) ?? options.WarmBytesMax,
        host.Services.Instruments);

    /// <summary>Numbers the next use: a conversation that just opened is never the coldest.</summary>
    public long NextUse() => Interlocked.Increment(ref _uses);

    public void Forget(LocalConversation conversation) => forget(conversation);
}
