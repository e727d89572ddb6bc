using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Access;
using Evergrain.Frontend.Turns;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Evergrain.Frontend.Http;

/// <summary>
/// <c>POST /v1/responses</c>: runs a create and answers with its response as JSON, with its events, or, for a
/// background turn, with the response as it stands.
/// </summary>
/// <remarks>
/// A client that leaves changes nothing for a stored turn. An unstored one belongs to its request: it is cancelled,
/// and forgotten with the answer.
/// </remarks>
internal sealed class CreateEndpoint(TurnServices services, TurnRunner runner, BackgroundTurns background,
    RequestBodies bodies, ServerDrain drain)
{
    public async Task InvokeAsync(HttpContext context)
    {
        drain.Check();
        using var body = await bodies.ReadAsync(context.Request);
        drain.Check();
        if (CreateSkim.ReadBody(body.Written.Span, out var skim) is { } refusal)
        {
            throw new ConversationException(refusal);
        }

        skim = WithKey(context, skim);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, drain.Over);
        var tenant = context.Features.GetRequiredFeature<Caller>().Tenant;
        var request = new TurnRequest
        {
            Tenant = tenant,
            Skim = skim,
            Body = body,
            Leases = new UnstoredLeases(services, tenant, ending.Token),
            ReceivedAt = services.Time.GetTimestamp(),
            IsBackground = skim.IsBackground,
        };
        try
        {
            await RunAsync(context, request, ending.Token);
        }
        catch (OperationCanceledException e) when (drain.Over.IsCancellationRequested)
        {
            throw new ConversationException(ServerDrain.Restarting, e);
        }
        finally
        {
            await ending.CancelAsync();
            await request.Leases.ReleaseAllAsync();
        }
    }

    /// <summary>The header is where HTTP has its idempotency key; it wins over the member.</summary>
    private static CreateSkim WithKey(HttpContext context, in CreateSkim skim)
    {
        var header = context.Request.Headers[IdempotencyKey.Header];
        if (header.Count == 0)
        {
            return skim;
        }

        var key = header.ToString();
        return IdempotencyKey.Check(key) is { } refusal
            ? throw new ConversationException(refusal)
            : skim with { Key = key };
    }

    private Task RunAsync(HttpContext context, TurnRequest request, CancellationToken cancellationToken) =>
        (request.Skim.IsStreamed, request.Skim.IsBackground) switch
        {
            (true, _) => StreamAsync(context, request, cancellationToken),
            (false, true) => AnswerAtOnceAsync(context, request),
            _ => AnswerAsync(context, request, cancellationToken),
        };

    private async Task StreamAsync(HttpContext context, TurnRequest request, CancellationToken cancellationToken)
    {
        var stream = new EventStream(context, services);
        await stream.RunAsync(() => request.IsBackground
            ? background.DeliverAsync(request, stream, cancellationToken)
            : runner.RunAsync(request, stream, cancellationToken));
        await context.Response.CompleteAsync();
    }

    private async Task AnswerAsync(HttpContext context, TurnRequest request, CancellationToken cancellationToken)
    {
        var delivery = new SilentDelivery();
        await runner.RunAsync(request, delivery, cancellationToken);
        var turn = new TurnAddress(request.Tenant, await delivery.Response, request.Leases.Id);
        var response = await services.Conversations.GetAsync(turn, cancellationToken);
        if (FailedTurn.Read(response) is { } error)
        {
            await error.WriteAsync(context);
        }
        else
        {
            await context.WriteJsonAsync(response);
        }

        await context.Response.CompleteAsync();
    }

    private async Task AnswerAtOnceAsync(HttpContext context, TurnRequest request)
    {
        var turn = new TurnAddress(request.Tenant, await background.StartAsync(request));
        await context.WriteJsonAsync(await services.Conversations.GetAsync(turn, context.RequestAborted));
    }
}
