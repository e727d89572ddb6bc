using System.Text.Json;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Recognition;
using Evergrain.Frontend.Access;
using Evergrain.Frontend.Turns;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Evergrain.Frontend.Http;

/// <summary>
/// <c>POST /v1/responses</c>: runs a create and answers with its response as JSON, with its events, or, for a
/// background turn, with the response as it stands.
/// </summary>
internal sealed class CreateEndpoint(TurnServices services, TurnRunner runner, BackgroundTurns background,
    RequestBodies bodies, HttpCreates creates)
{
    public async Task InvokeAsync(HttpContext context)
    {
        creates.CheckDrain();
        using var body = await bodies.ReadAsync(context.Request);
        var receivedAt = services.Time.GetTimestamp();
        creates.CheckDrain();
        var known = services.Turns.FindPrefix(TenantOf(context), body.Written);
        var fields = Read(context, body.Written.Span, ref known);
        using var create = new ReceivedCreate(body, fields, receivedAt)
        {
            IsBackground = fields.Background == JsonTokenType.True,
            Known = known,
            Trace = HttpCreates.TraceOf(context, fields),
            Origin = TurnOrigins.Of(context),
        };
        await creates.RunAsync(context, (leases, cancellationToken) => fields.Stream == JsonTokenType.True
            ? StreamAsync(context, create, leases, cancellationToken)
            : AnswerAsync(context, create, leases, cancellationToken));
    }

    private static string TenantOf(HttpContext context) => context.Features.GetRequiredFeature<Caller>().Tenant;

    private static RoutingFields Read(HttpContext context, ReadOnlySpan<byte> body, ref KnownPrefix? known) =>
        (RoutingFields.Read(body, ref known, out var fields) ?? CheckFlags(fields)) is { } refusal
            ? throw new ConversationException(refusal)
            : HttpCreates.WithHeaders(fields, context);

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
        var response = await creates.ReadEndedAsync(turn, cancellationToken);
        if (TimingWishes.Of(context.Request).IsTurn)
        {
            context.Response.Headers[TimingEvents.ServerTiming] = TimingEvents.WriteHeader(delivery.Timing!);
        }

        if (response is not { } json)
        {
            await FailedTurn.Deleted.WriteAsync(context);
        }
        else if (FailedTurn.Read(json) is { } error)
        {
            await error.WriteAsync(context);
        }
        else
        {
            await context.WriteJsonAsync(json);
        }

        await context.Response.CompleteAsync();
    }
}
