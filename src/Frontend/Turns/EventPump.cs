using Evergrain.Conversations;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Admission;

namespace Evergrain.Frontend.Turns;

/// <summary>Reads the events of a response and delivers them, up to and with the terminal one.</summary>
internal sealed class EventPump(TurnServices services, ByteBudget budget, RepeatedCreates repeated)
{
    /// <summary>Which turns nobody reads any more whose create came again.</summary>
    public RepeatedCreates Repeated => repeated;

    // The frame or piece of a stream that it becomes, and the buffers of the connection.
    private const int CopiesSent = 2;

    /// <summary>Delivers the events from <see cref="ITurnDelivery.From"/> on, as they come.</summary>
    /// <param name="turn">The response.</param>
    /// <param name="delivery">Takes the events.</param>
    /// <param name="meter">Measures the turn; null: its events are read again, or beside it.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="ConversationException">The response is not found, or cannot go on here.</exception>
    /// <exception cref="ClientGoneException">The client can take no more.</exception>
    public async Task RunAsync(TurnAddress turn, ITurnDelivery delivery, TurnMeter? meter,
        CancellationToken cancellationToken)
    {
        using var reading = delivery.WantsKeepalive
            ? CancellationTokenSource.CreateLinkedTokenSource(cancellationToken)
            : null;
        var token = reading?.Token ?? cancellationToken;
        await using var events = services.Turns.ReadEventsAsync(turn, delivery.From, token)
            .GetAsyncEnumerator(token);
        while (await NextAsync(events, delivery, reading))
        {
            var batch = events.Current;
            meter?.Received(batch);
            if (batch.Events.Count > 0)
            {
                await SendAsync(turn, batch, delivery, meter, cancellationToken);
            }

            if (batch.IsLast)
            {
                return;
            }
        }

        // From the beginning on there is a terminal event; behind the end there is none.
        if (delivery.From == 0)
        {
            throw new InvalidOperationException($"The events of {turn.Response} ended without a terminal event.");
        }
    }

    private async ValueTask SendAsync(TurnAddress turn, EventBatch batch, ITurnDelivery delivery, TurnMeter? meter,
        CancellationToken cancellationToken)
    {
        if (meter is null)
        {
            await DeliverAsync(turn, batch, delivery, cancellationToken);
            return;
        }

        var begun = services.Time.GetTimestamp();
        await DeliverAsync(turn, batch, delivery, cancellationToken);
        meter.Sent(batch, begun, services.Time.GetTimestamp());
    }

    /// <summary>Sends a batch. A large event waits until there is room for the copies of it.</summary>
    private ValueTask DeliverAsync(TurnAddress turn, EventBatch batch, ITurnDelivery delivery,
        CancellationToken cancellationToken) => batch.Events is [{ Length: > Limits.BatchBytesMax }]
        ? SendLargeAsync(turn, batch, delivery, cancellationToken)
        : delivery.SendAsync(batch, cancellationToken);

    private async ValueTask SendLargeAsync(TurnAddress turn, EventBatch batch, ITurnDelivery delivery,
        CancellationToken cancellationToken)
    {
        using var charge = budget.Open(turn.Tenant);
        await charge.GrowAsync(CopiesSent * (long)batch.Events[0].Length, cancellationToken);
        await delivery.SendAsync(batch, cancellationToken);
    }

    private ValueTask<bool> NextAsync(IAsyncEnumerator<EventBatch> events, ITurnDelivery delivery,
        CancellationTokenSource? reading)
    {
        var next = events.MoveNextAsync();
        return next.IsCompleted || reading is null ? next : WaitLoudlyAsync(next.AsTask(), delivery, reading);
    }

    private async ValueTask<bool> WaitLoudlyAsync(Task<bool> next, ITurnDelivery delivery,
        CancellationTokenSource reading)
    {
        try
        {
            while (await IsSilentAsync(next, reading.Token))
            {
                await delivery.KeepAliveAsync(reading.Token);
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
}
