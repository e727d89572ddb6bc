using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Access;
using Evergrain.Frontend.Http;
using Evergrain.Frontend.Turns;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Evergrain.Frontend.Completions;

/// <summary>
/// <c>POST /v1/chat/completions</c>: runs the create that a request stands for, and answers with its response as a
/// completion or as chunks.
/// </summary>
internal sealed class CompletionEndpoint(
    TurnServices services, TurnRunner runner, RequestBodies bodies, HttpCreates creates)
{
    public async Task InvokeAsync(HttpContext context)
    {
        creates.CheckDrain();
        using var body = await bodies.ReadAsync(context.Request);
        var receivedAt = services.Time.GetTimestamp();
        creates.CheckDrain();
        using var request = await CompletionRequest.ReadAsync(body, context.RequestAborted);
        var fields = HttpCreates.WithHeaders(request.Fields, context);
        using var create = new ReceivedCreate(request.Create, fields, receivedAt)
        {
            Trace = HttpCreates.TraceOf(context, fields),
            Known = services.Turns.FindPrefix(
                context.Features.GetRequiredFeature<Caller>().Tenant, request.Create.Written),
            Origin = TurnOrigins.Of(context),
        };
        await creates.RunAsync(context, (leases, cancellationToken) => request.IsStreamed
            ? StreamAsync(context, request, create, leases, cancellationToken)
            : AnswerAsync(context, request, create, leases, cancellationToken));
        await context.Response.CompleteAsync();
    }

    private Task StreamAsync(HttpContext context, CompletionRequest request, ReceivedCreate create,
        UnstoredLeases leases, CancellationToken cancellationToken)
    {
        var stream = new ChunkStream(context, services, request.WantsUsage);
        return stream.RunAsync(() => RunAsync(request, create, leases, stream, cancellationToken));
    }

    private async Task AnswerAsync(HttpContext context, CompletionRequest request, ReceivedCreate create,
        UnstoredLeases leases, CancellationToken cancellationToken)
    {
        var delivery = new SilentDelivery();
        await RunAsync(request, create, leases, delivery, cancellationToken);
        var turn = new TurnAddress(leases.Tenant, await delivery.Response, leases.Id);
        var response = await creates.ReadEndedAsync(turn, cancellationToken);
        if (TimingWishes.Of(context.Request).IsTurn)
        {
            context.Response.Headers[TimingEvents.ServerTiming] = TimingEvents.WriteHeader(delivery.Timing!);
        }

        if (response is not { } json)
        {
            await FailedTurn.Deleted.WriteAsync(context);
            return;
        }

        if (FailedTurn.Read(json, hasStatus: false) is { } error)
        {
            await error.WriteAsync(context);
            return;
        }

        using var completion = new RentedBuffer(Array.MaxLength);
        CompletionWriter.Write(completion, json);
        await context.WriteJsonAsync(completion.Written);
    }

    private async Task RunAsync(CompletionRequest request, ReceivedCreate create, UnstoredLeases leases,
        ITurnDelivery delivery, CancellationToken cancellationToken)
    {
        try
        {
            await runner.RunAsync(create, leases, delivery, cancellationToken);
        }
        catch (ConversationException e)
        {
            throw new ConversationException(request.Translate(e.Refusal), e);
        }
    }
}
