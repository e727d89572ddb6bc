using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Timing;
using Evergrain.Frontend.Admission;
using Evergrain.Frontend.Telemetry;

namespace Evergrain.Frontend.Turns;

/// <summary>
/// Runs one create from its start to the end of its turn. Every turn that a client asks for, by whichever transport,
/// begins and ends in <see cref="RunAsync"/>.
/// </summary>
/// <remarks>It retries nothing: <see cref="ITurns"/> does, and gives the error that a client gets.</remarks>
internal sealed class TurnRunner(
    TurnServices services, IIdSource ids, TurnGate gate, EventPump pump, ServerDrain drain)
{
    /// <summary>What holds the unstored turns of a connection, or of one HTTP request, until it closes.</summary>
    public UnstoredLeases NewLeases(string tenant, CancellationToken closing) =>
        new(services, new LeaseId(ids.Next64()), tenant, closing);

    /// <summary>
    /// Starts the turn and delivers its events; ends when the terminal event was delivered. Abandoning it stops
    /// nothing but an unstored turn.
    /// </summary>
    /// <param name="create">The create; its bytes are returned when the turn has started.</param>
    /// <param name="leases">Whose create it is, and what holds its turn if it is not stored.</param>
    /// <param name="delivery">Takes the events.</param>
    /// <param name="cancellationToken">Abandons it.</param>
    /// <exception cref="ConversationException">The create is refused, or its events cannot go on.</exception>
    /// <exception cref="ClientGoneException">The client can take no more.</exception>
    public async Task RunAsync(ReceivedCreate create, UnstoredLeases leases, ITurnDelivery delivery,
        CancellationToken cancellationToken)
    {
        gate.Rates.Enter(leases.Tenant);
        var meter = new TurnMeter(services.Time, create.ReceivedAt, create.Body.Length);
        using var span = TurnSpans.Begin(create.Trace, services.Time.GetUtcNow() - meter.Elapsed);
        using var place = gate.TryEnter(leases.Tenant, create.Model) ??
            await WaitAsync(create, leases.Tenant, cancellationToken);
        meter.Granted();
        var reports = services.Instruments.Turns;
        reports.Started();
        TurnAddress turn;
        TurnTiming timing;
        RepeatedCreates.Try? attempt = null;
        try
        {
            attempt = await pump.Repeated.EnterAsync(leases.Tenant, create);
            create.Trace = span is null ? create.Trace : TraceContext.Of(span);
            var start = create.ToStart(leases.Tenant, leases.Id, ids, meter.Waited);

            // A stored turn begins whether its client waits or not. Its id is what a second try is compared with.
            turn = await StartAsync(place is null ? start with { IsCancelled = true } : start, create, leases,
                attempt is null ? cancellationToken : drain.Over);
            attempt?.Turn = turn;
            if (delivery.Started(turn.Response, meter))
            {
                await services.Conversations.CancelAsync(turn, cancellationToken);
            }

            await pump.RunAsync(turn, delivery, meter, cancellationToken);
            pump.Repeated.End(attempt);
            timing = meter.Read();
            reports.Ended(turn.Response, timing);
            TurnSpans.End(span, turn.Response, timing);
        }
        catch (Exception e)
        {
            reports.BrokeOff(EndBy(e), meter.Elapsed);
            TurnSpans.BreakOff(span, EndBy(e));
            await pump.Repeated.LeaveAsync(attempt);
            throw;
        }

        await delivery.EndedAsync(turn.Response, timing, cancellationToken);
    }

    private static TurnEnd EndBy(Exception e) => e switch
    {
        ConversationException => TurnEnd.Refused,
        ClientGoneException or OperationCanceledException => TurnEnd.Left,
        _ => TurnEnd.Fault,
    };

    private async ValueTask<TurnAddress> StartAsync(StartTurn start, ReceivedCreate create, UnstoredLeases leases,
        CancellationToken cancellationToken)
    {
        if (!create.IsStored)
        {
            // Before the start: a client that leaves during it must still release what it began.
            await leases.AddAsync(start.Key.Id);
            start = start with { Holds = leases.AddAsync };
        }

        ResponseId response;
        try
        {
            response = await services.Turns.StartTurnAsync(start, cancellationToken);
        }
        catch (OperationCanceledException e) when (drain.Over.IsCancellationRequested)
        {
            throw new ConversationException(ServerDrain.Restarting, e);
        }

        if (response.Conversation != start.Key.Id)
        {
            leases.Remove(start.Key.Id);
        }

        create.Dispose();
        return new TurnAddress(leases.Tenant, response, leases.Id);
    }

    /// <summary>Waits in line for a place to run.</summary>
    /// <returns>Null if the create was cancelled meanwhile: what calls no model needs no place.</returns>
    /// <exception cref="ConversationException">It was refused, or the server stops: what waits would begin only to
    /// hold that up.</exception>
    private async ValueTask<TurnPlace?> WaitAsync(ReceivedCreate create, string tenant,
        CancellationToken cancellationToken)
    {
        using var waiting = CancellationTokenSource.CreateLinkedTokenSource(
            cancellationToken, create.Cancelled, drain.Begun);
        try
        {
            return await gate.EnterAsync(tenant, create.Model, waiting.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return create.Cancelled.IsCancellationRequested
                ? null
                : throw new ConversationException(ServerDrain.Restarting);
        }
    }
}
