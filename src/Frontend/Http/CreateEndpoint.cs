using System.Text.Json;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Timing;
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
        var receivedAt = services.Time.GetTimestamp();
        drain.Check();
        var fields = Read(context, body.Written.Span);
        using var create = new ReceivedCreate(body, fields, receivedAt)
        {
            IsBackground = fields.Background == JsonTokenType.True,
            Trace = TraceOf(context.Request.Headers, fields),
            Origin = TurnOrigins.Of(context),
        };
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, drain.Over);
        var tenant = context.Features.GetRequiredFeature<Caller>().Tenant;
        var leases = runner.NewLeases(tenant, ending.Token);
        try
        {
            await (fields.Stream == JsonTokenType.True
                ? StreamAsync(context, create, leases, ending.Token)
                : AnswerAsync(context, create, leases, ending.Token));
        }
        catch (OperationCanceledException e) when (drain.Over.IsCancellationRequested)
        {
            throw new ConversationException(ServerDrain.Restarting, e);
        }
        finally
        {
            await ending.CancelAsync();
            await leases.ReleaseAllAsync();
        }
    }

    private static RoutingFields Read(HttpContext context, ReadOnlySpan<byte> body)
    {
        var refusal = RoutingFields.Read(body, out var fields) ?? CheckFlags(fields) ?? fields.CheckCreate();
        var header = context.Request.Headers[IdempotencyKey.Header];
        if (refusal is null && header.Count > 0)
        {
            // The header is where HTTP has its idempotency key; it wins over the member.
            fields.Key = header.ToString();
            refusal = fields.CheckCreate();
        }

        return refusal is null ? fields : throw new ConversationException(refusal);
    }

    // The header is where HTTP has its trace; it wins over the member.
    private static TraceContext TraceOf(IHeaderDictionary headers, RoutingFields fields) =>
        headers.TraceParent is [{ Length: TraceContext.ParentChars } parent]
            ? new TraceContext(parent, headers.TraceState is [{ Length: <= TraceContext.StateCharsMax } state]
                ? state
                : null)
            : new TraceContext(fields.TraceParent, fields.TraceState);

    private static Refusal? CheckFlags(RoutingFields fields)
    {
        if (!IsFlag(fields.Stream))
        {
            return new Refusal(RefusalKind.InvalidRequest, "'stream' must be true or false.", "stream");
        }

        if (!IsFlag(fields.Background))
        {
            return new Refusal(RefusalKind.InvalidRequest, "'background' must be true or false.", "background");
        }

        return fields is { Background: JsonTokenType.True, IsUnstored: true }
            ? new Refusal(RefusalKind.InvalidRequest,
                "A background response must be stored, or nobody could read it: leave 'store' out.", "background")
            : null;
    }

    private static bool IsFlag(JsonTokenType token) =>
        token is JsonTokenType.None or JsonTokenType.Null or JsonTokenType.True or JsonTokenType.False;

    private async Task StreamAsync(HttpContext context, ReceivedCreate create, UnstoredLeases leases,
        CancellationToken cancellationToken)
    {
        var stream = new EventStream(context, services);
        await stream.RunAsync(() => create.IsBackground
            ? background.DeliverAsync(create, leases, stream, cancellationToken)
            : runner.RunAsync(create, leases, stream, cancellationToken));
        await context.Response.CompleteAsync();
    }

    private async Task AnswerAsync(HttpContext context, ReceivedCreate create, UnstoredLeases leases,
        CancellationToken cancellationToken)
    {
        if (create.IsBackground)
        {
            var begun = new TurnAddress(leases.Tenant, await background.StartAsync(create, leases));
            await context.WriteJsonAsync(await services.Conversations.GetAsync(begun, context.RequestAborted));
            return;
        }

        var delivery = new SilentDelivery();
        await runner.RunAsync(create, leases, delivery, cancellationToken);
        var turn = new TurnAddress(leases.Tenant, await delivery.Response, leases.Id);
        var response = await services.Conversations.GetAsync(turn, cancellationToken);
        if (TimingWishes.Of(context.Request).IsTurn)
        {
            context.Response.Headers[TimingEvents.ServerTiming] = TimingEvents.WriteHeader(delivery.Timing!);
        }

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
}
