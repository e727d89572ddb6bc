using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Admission;

namespace Evergrain.Frontend.Turns;

/// <summary>
/// Runs one create from its start to the end of its turn. Every turn that a client asks for, by whichever transport,
/// begins and ends in <see cref="RunAsync"/>.
/// </summary>
internal sealed class TurnRunner(TurnServices services, EventPump pump, ServerDrain drain)
{
    // A conversation that moves to another owner is back within tens of milliseconds; the sum stays below a second.
    // What took longer to fail waited for a journal that is away: its client is told, not made to wait as long again.
    private const int AttemptsMax = 4;
    private static readonly TimeSpan AttemptsTime = TimeSpan.FromSeconds(5);
    private const double RetryJitter = 0.5;
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(50);

    /// <summary>
    /// Starts the turn and delivers its events; ends when the terminal event was delivered. Abandoning it stops
    /// nothing but an unstored turn.
    /// </summary>
    /// <exception cref="ConversationException">The create is refused, or its events cannot go on.</exception>
    /// <exception cref="ClientGoneException">The client can take no more.</exception>
    public async Task RunAsync(TurnRequest request, ITurnDelivery delivery, CancellationToken cancellationToken)
    {
        using var place = await EnterAsync(request, cancellationToken);
        services.Instruments.TurnStarted(request.ReceivedAt);
        var begun = services.Time.GetTimestamp();
        var start = MakeStart(request) with { IsCancelled = place is null };
        TurnAddress? started = null;
        var isCancelled = false;
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                if (started is null)
                {
                    // Its bytes are gone now: what fails from here on must not begin it again.
                    started = await StartAsync(request, start, cancellationToken);
                    isCancelled = delivery.Started(started.Value.Response);
                }

                if (isCancelled)
                {
                    await services.Conversations.CancelAsync(started.Value, cancellationToken);
                    isCancelled = false;
                }

                var sending = await pump.RunAsync(started.Value, delivery, cancellationToken);
                services.Instruments.TurnEnded(begun, sending);
                return;
            }
            catch (ConversationException e) when (e.Refusal is { Kind: RefusalKind.Unavailable, RetryAfter: null } &&
                attempt < AttemptsMax && services.Time.GetElapsedTime(begun) < AttemptsTime &&
                !delivery.HasBegun && CanGoOn(started))
            {
                var delay = services.Jitter(RetryDelay * (1 << (attempt - 1)), RetryJitter);
                await Task.Delay(delay, services.Time, cancellationToken);
            }
        }
    }

    /// <summary>Waits for a place to run.</summary>
    /// <returns>Null if the create was cancelled meanwhile: what calls no model needs no place.</returns>
    /// <exception cref="ConversationException">It was refused, or the server stops: what waits would begin only to
    /// hold that up.</exception>
    private async ValueTask<TurnPlace?> EnterAsync(TurnRequest request, CancellationToken cancellationToken)
    {
        using var waiting = CancellationTokenSource.CreateLinkedTokenSource(
            cancellationToken, request.Cancelled, drain.Begun);
        try
        {
            return await services.Turns.EnterAsync(request.Tenant, request.Skim.Model, waiting.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return request.Cancelled.IsCancellationRequested
                ? null
                : throw new ConversationException(ServerDrain.Restarting);
        }
    }

    // The same request id attaches if the turn was started after all. One that was is read on if it is durable.
    private static bool CanGoOn(TurnAddress? started) => started is not { Response.Turn.IsStored: false };

    private StartTurn MakeStart(TurnRequest request)
    {
        var keyed = request.Skim.Key is { } key
            ? IdempotencyKey.Derive(request.Tenant, key, request.Body.Written.Span)
            : (KeyedIds?)null;
        return new StartTurn
        {
            Key = new ConversationKey(request.Tenant, request.Skim.Parent?.Conversation ?? keyed?.Conversation ??
                new ConversationId(services.Ids.Next128())),
            RequestId = keyed?.RequestId ?? services.Ids.Next128(),
            IsKeyed = keyed is not null,
            Lease = request.Leases.Id,
            Create = request.Body.Written,
            IsBackground = request.IsBackground,
        };
    }

    private async ValueTask<TurnAddress> StartAsync(TurnRequest request, StartTurn start,
        CancellationToken cancellationToken)
    {
        if (!request.Skim.Store)
        {
            // Before the start: a client that leaves during it must still release what it began.
            await request.Leases.AddAsync(start.Key.Id);
        }

        var response = await services.Conversations.StartTurnAsync(start, cancellationToken);
        request.Body.Dispose();
        return new TurnAddress(request.Tenant, response, request.Leases.Id);
    }
}
