using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Access;

namespace Evergrain.Frontend.Sockets;

/// <summary>Runs one create of a connection from its start to the terminal event.</summary>
internal sealed class TurnRunner(SocketServices services, FrameWriter writer, TurnQueue queue, UnstoredLeases leases)
{
    // A conversation that moves to another owner is back within tens of milliseconds; the sum stays below a second.
    private const int AttemptsMax = 4;
    private const double RetryJitter = 0.5;
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(50);

    public required Caller Caller { get; init; }

    /// <summary>Whether the client asked for frames during a silent wait.</summary>
    public required bool WantsKeepalive { get; init; }

    /// <summary>Starts the turn and sends each of its events as one frame.</summary>
    /// <exception cref="ConversationException">The create is refused, or its events cannot go on.</exception>
    /// <exception cref="SocketGoneException">The connection is gone.</exception>
    public async Task RunAsync(QueuedCreate create, CancellationToken cancellationToken)
    {
        services.Instruments.TurnStarted(create.QueuedAt);
        var delivery = new Delivery(services.Time.GetTimestamp());
        var start = MakeRequest(create);
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await AttemptAsync(create, start, delivery, cancellationToken);
                services.Instruments.TurnEnded(delivery.Begun, delivery.Sending);
                return;
            }
            catch (ConversationException e) when (e.Refusal.Kind == RefusalKind.Unavailable &&
                delivery.EventsSent == 0 && attempt < AttemptsMax)
            {
                // The same request id attaches if the turn was started after all.
                var delay = services.Jitter(RetryDelay * (1 << (attempt - 1)), RetryJitter);
                await Task.Delay(delay, services.Time, cancellationToken);
            }
        }
    }

    private StartTurn MakeRequest(QueuedCreate create)
    {
        var conversation = create.Skim.Parent?.Conversation ?? new ConversationId(services.Ids.Next128());
        return new StartTurn
        {
            Key = new ConversationKey(Caller.Tenant, conversation),
            RequestId = services.Ids.Next128(),
            Lease = leases.Id,
            Create = create.Bytes,
        };
    }

    private async Task AttemptAsync(QueuedCreate create, StartTurn start, Delivery delivery,
        CancellationToken cancellationToken)
    {
        if (!create.Skim.Store)
        {
            // Before the start: a connection that breaks during it must still release what it began.
            await leases.AddAsync(start.Key.Id);
        }

        var response = await StartAsync(start, cancellationToken);
        var turn = new TurnAddress(Caller.Tenant, response, leases.Id);
        if (queue.Started(create, response))
        {
            await services.Conversations.CancelAsync(turn, cancellationToken);
        }

        await DeliverAsync(create, turn, delivery, cancellationToken);
    }

    private async ValueTask<ResponseId> StartAsync(StartTurn start, CancellationToken cancellationToken)
    {
        await services.Starting.WaitAsync(cancellationToken);
        try
        {
            return await services.Conversations.StartTurnAsync(start, cancellationToken);
        }
        finally
        {
            services.Starting.Release();
        }
    }

    private async Task DeliverAsync(QueuedCreate create, TurnAddress turn, Delivery delivery,
        CancellationToken cancellationToken)
    {
        var isEnded = false;
        using var reading = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await using var events = services.Conversations.ReadEventsAsync(turn, 0, reading.Token)
            .GetAsyncEnumerator(reading.Token);
        while (!isEnded && await NextAsync(events, reading))
        {
            var begun = services.Time.GetTimestamp();
            var batch = events.Current;
            await writer.SendAsync(batch.Events, cancellationToken);
            if (delivery.EventsSent == 0)
            {
                // Nothing is retried from here on, so the create's bytes can go.
                create.Dispose();
            }

            delivery.EventsSent += batch.Events.Count;
            delivery.Sending += services.Time.GetElapsedTime(begun);
            isEnded = batch.IsLast;
        }

        if (!isEnded)
        {
            throw new InvalidOperationException($"The events of {turn.Response} ended without a terminal event.");
        }
    }

    private ValueTask<bool> NextAsync(IAsyncEnumerator<EventBatch> events, CancellationTokenSource reading)
    {
        var next = events.MoveNextAsync();
        return next.IsCompleted || !WantsKeepalive ? next : WaitLoudlyAsync(next.AsTask(), reading);
    }

    private async ValueTask<bool> WaitLoudlyAsync(Task<bool> next, CancellationTokenSource reading)
    {
        try
        {
            while (await IsSilentAsync(next, reading.Token))
            {
                await writer.SendKeepaliveAsync(reading.Token);
            }
        }
        catch (Exception)
        {
            // An enumerator may be disposed only when it has come to rest.
            await reading.CancelAsync();
            await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }

        return await next;
    }

    private async ValueTask<bool> IsSilentAsync(Task<bool> next, CancellationToken cancellationToken)
    {
        // Its timer goes with the wait: a turn waits once per event, and a timer left behind stays for the interval.
        var waiting = next.WaitAsync(services.Options.KeepaliveInterval, services.Time, cancellationToken);
        await ((Task)waiting).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (next.IsCompleted)
        {
            return false;
        }

        cancellationToken.ThrowIfCancellationRequested();
        return true;
    }

    private sealed class Delivery(long begun)
    {
        public long Begun { get; } = begun;

        public int EventsSent { get; set; }

        public TimeSpan Sending { get; set; }
    }
}
