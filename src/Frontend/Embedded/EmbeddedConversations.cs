using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;

namespace Evergrain.Frontend.Embedded;

/// <summary>
/// Conversations in this one process: each active one has a mailbox, the coldest are passivated by a memory budget and
/// by idle time, and come back from the journal on the next call.
/// </summary>
public sealed class EmbeddedConversations : IConversations, IAsyncDisposable
{
    // An activation that ended under a caller is replaced; one that ends at once again and again is a broken journal.
    private const int ActivationsMax = 3;

    private readonly ConcurrentDictionary<ConversationKey, ActiveConversation> _active = new();
    private readonly Lock _activating = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly EmbeddedContext _context;
    private readonly StartLine _starts = new();
    private readonly ITimer _sweepTimer;
    private readonly Task _sweeping;
    private Task? _disposing;

    internal EmbeddedConversations(EmbeddedContext context)
    {
        _context = context;
        var interval = context.Options.SweepInterval;
        _sweepTimer = context.Time.CreateTimer(_ => context.WarmBytes.Signal(), null, interval, interval);
        _sweeping = SweepAsync();
    }

    /// <summary>Conversations that are warm now.</summary>
    public int WarmCount => _active.Count;

    /// <inheritdoc/>
    public async ValueTask<ResponseId> StartTurnAsync(StartTurn start, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(start);
        if (_context.InputGate is { } gate)
        {
            // Outside the mailbox, and before a place in the line: a slow check holds up no other turn.
            await gate.PassAsync(start, () => KnowsAsync(start, cancellationToken), cancellationToken);
        }

        try
        {
            return await StartAsync(start);
        }
        catch (ForeignItemsException e)
        {
            var references = await ForeignItems.FetchAsync(this, start, e.Items, cancellationToken);
            return await StartAsync(start with { References = references });
        }

        Task<ResponseId> StartAsync(StartTurn turn) => WithActiveAsync(turn.Key, async (active, askedAt) =>
        {
            // Not held while a turn elsewhere is waited for.
            using var place = await _starts.EnterAsync(cancellationToken);
            return await active.StartTurnAsync(askedAt, turn, cancellationToken);
        }, cancellationToken);
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<EventBatch> ReadEventsAsync(TurnAddress turn, int from,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(from);
        ActiveConversation? attached = null;
        try
        {
            for (var isLast = false; !isLast;)
            {
                var step = await WithActiveAsync(turn.Key, async (active, askedAt) =>
                {
                    await AttachAsync(active, askedAt);
                    var read = await active.ReadAsync(turn, from, cancellationToken);
                    return read switch
                    {
                        { IsLost: true } => throw new ActivationEndedException(),
                        { IsElsewhere: true } => throw new UnsettledException(Unsettled.End),
                        _ => read,
                    };
                }, cancellationToken);
                if (step.IsGone)
                {
                    throw ConversationException.Of(
                        RefusalKind.NotFound, $"Response with id '{turn.Response}' not found.");
                }

                isLast = step.IsLast;
                if (step.Events.Count > 0)
                {
                    yield return new EventBatch(from, step.Events, step.IsLast);
                    from += step.Events.Count;
                }
            }
        }
        finally
        {
            await DetachAsync();
        }

        async Task AttachAsync(ActiveConversation active, long askedAt)
        {
            if (active != attached)
            {
                await active.AttachAsync(askedAt, turn, isAgain: attached is not null);
                attached = active;
            }
        }

        async ValueTask DetachAsync()
        {
            if (attached is not null)
            {
                await attached.TellAsync((conversation, now) => conversation.Detach(turn.Response.Turn, now));
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask CancelAsync(TurnAddress turn, CancellationToken cancellationToken) =>
        await WithActiveAsync(turn.Key, async (active, askedAt) =>
        {
            await active.CancelAsync(askedAt, turn, cancellationToken);
            return true;
        }, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<ReadOnlyMemory<byte>> GetAsync(TurnAddress turn, CancellationToken cancellationToken) =>
        await AskAsync(turn, (conversation, _) =>
            conversation.Get(turn.Response.Turn, turn.Lease), cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<ReadOnlyMemory<byte>> GetOutputItemAsync(TurnAddress turn, int index,
        CancellationToken cancellationToken) => await AskAsync(turn, (conversation, _) =>
            conversation.GetOutputItem(turn.Response.Turn, turn.Lease, index), cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<ReadOnlyMemory<byte>> ListInputItemsAsync(TurnAddress turn, ItemPage page,
        CancellationToken cancellationToken) => await AskAsync(turn, (conversation, _) =>
            conversation.ListInputItems(turn.Response.Turn, turn.Lease, page), cancellationToken);

    /// <inheritdoc/>
    public async ValueTask DeleteAsync(TurnAddress turn, CancellationToken cancellationToken) =>
        await WithActiveAsync(turn.Key, async (active, askedAt) =>
        {
            await active.DeleteAsync(askedAt, turn, cancellationToken);
            return true;
        }, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask HoldAsync(ConversationKey key, LeaseId lease, CancellationToken cancellationToken)
    {
        if (_active.TryGetValue(key, out var active))
        {
            await active.TellAsync((conversation, now) => conversation.Hold(lease, now));
        }
    }

    /// <inheritdoc/>
    public async ValueTask ReleaseAsync(ConversationKey key, LeaseId lease, CancellationToken cancellationToken)
    {
        if (_active.TryGetValue(key, out var active))
        {
            await active.TellAsync((conversation, now) => conversation.Release(lease, now));
        }
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<ConversationId>> ListAsync(string tenant, ConversationId? after, int limit,
        CancellationToken cancellationToken) => _context.Journal.ListAsync(tenant, after, limit, cancellationToken);

    /// <summary>
    /// Passivates every conversation that is idle, whatever the budget, and ends when they are gone: for operators and
    /// tests.
    /// </summary>
    public async Task PassivateIdleAsync()
    {
        foreach (var active in _active.Values)
        {
            await PassivateAsync(active);
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

    internal static ConversationException Stopping() =>
        ConversationException.Of(RefusalKind.Unavailable, "The server is stopping: try again.");

    private async Task StopAsync()
    {
        await _stopping.CancelAsync();
        await _sweeping;
        await _sweepTimer.DisposeAsync();
        await Task.WhenAll(_active.Values.Select(active => active.StopAsync()));
        _stopping.Dispose();
    }

    private Task<bool> KnowsAsync(StartTurn start, CancellationToken cancellationToken) => WithActiveAsync(
        start.Key, (active, askedAt) =>
            active.AskAsync(askedAt, (conversation, _) => conversation.Knows(start), cancellationToken),
        cancellationToken);

    private Task<T> AskAsync<T>(TurnAddress turn, Func<Conversation, DateTimeOffset, T> input,
        CancellationToken cancellationToken) =>
        WithActiveAsync(turn.Key, (active, askedAt) => active.AskAsync(askedAt, input, cancellationToken),
            cancellationToken);

    /// <summary>
    /// Asks the conversation's activation, the next one if that ends. What is asked gets the moment it was asked at: by
    /// it an activation knows whether it has read enough of a journal that others write too.
    /// </summary>
    private async Task<T> WithActiveAsync<T>(ConversationKey key, Func<ActiveConversation, long, Task<T>> ask,
        CancellationToken cancellationToken)
    {
        var askedAt = _context.NextMoment();
        for (var tries = 1; ; tries++)
        {
            var active = Activate(key);
            try
            {
                return await AskAsync(active, ask, askedAt, cancellationToken);
            }
            catch (ActivationEndedException) when (tries < ActivationsMax)
            {
                await active.Ended.WaitAsync(cancellationToken);
            }
            catch (ActivationEndedException e)
            {
                throw new ConversationException(new Refusal(
                    RefusalKind.Unavailable, "The conversation cannot go on here now: try again."), e);
            }
        }
    }

    private static async Task<T> AskAsync<T>(ActiveConversation active, Func<ActiveConversation, long, Task<T>> ask,
        long askedAt, CancellationToken cancellationToken)
    {
        try
        {
            return await ask(active, askedAt);
        }
        catch (UnsettledException e)
        {
            return await active.SettleAsync(e.What, ask, askedAt, cancellationToken);
        }
    }

    private ActiveConversation Activate(ConversationKey key)
    {
        if (_active.TryGetValue(key, out var active))
        {
            return active;
        }

        lock (_activating)
        {
            if (_active.TryGetValue(key, out active))
            {
                return active;
            }

            if (_disposing is not null)
            {
                throw Stopping();
            }

            // Added before it starts: an activation may end, and be forgotten, at once.
            active = new ActiveConversation(key, _context);
            _active[key] = active;
            active.Start(Forget);
            return active;
        }
    }

    private void Forget(ActiveConversation active) =>
        _active.TryRemove(new KeyValuePair<ConversationKey, ActiveConversation>(active.Key, active));

    private async Task SweepAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                await _context.WarmBytes.WaitAsync(_stopping.Token);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            await SweepOnceAsync();
        }
    }

    private async Task SweepOnceAsync()
    {
        foreach (var active in _active.Values.Where(active => active.IsIdle).OrderBy(active => active.LastUsed))
        {
            var isOld = _context.Time.GetElapsedTime(active.LastUsed) > _context.Options.WarmTime;
            if (!isOld && _context.WarmBytes.Excess <= 0)
            {
                return;
            }

            await PassivateAsync(active);
        }
    }

    // Until it is gone its bytes still count, and another would be passivated for them.
    private static async Task PassivateAsync(ActiveConversation active)
    {
        if (await active.TryPassivateAsync())
        {
            await active.Ended;
        }
    }
}
