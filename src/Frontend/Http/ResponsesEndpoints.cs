using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Evergrain.Conversations;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Access;
using Evergrain.Frontend.Admission;
using Evergrain.Frontend.Turns;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;

namespace Evergrain.Frontend.Http;

/// <summary>
/// The stored responses over HTTP: read, stream again, cancel, delete, list what one was made from.
/// </summary>
/// <remarks>
/// Source: OpenAI's API reference, <c>GET|DELETE /v1/responses/{id}</c>, <c>…/cancel</c> and <c>…/input_items</c>.
/// There only background responses can be cancelled or streamed again; here every stored one can.
/// </remarks>
internal sealed class ResponsesEndpoints(TurnServices services, EventPump pump, ServerDrain drain, AuditLog audit,
    ByteBudget sending)
{
    // The answer, and the buffers of the connection.
    private const int CopiesSent = 2;

    private const int LimitMax = 100;
    private const int LimitDefault = 20;

    private readonly IConversations _conversations = services.Conversations;

    public async Task GetAsync(HttpContext context)
    {
        var turn = ReadAddress(context);
        if (ReadStream(context.Request.Query) is not { } from)
        {
            await WriteAsync(context, turn, await _conversations.GetAsync(turn, context.RequestAborted));
            return;
        }

        using var ending = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, drain.Over);
        var stream = new EventStream(context, services, from);
        pump.Repeated.Keep(turn);
        await stream.RunAsync(() => pump.RunAsync(turn, stream, meter: null, ending.Token));
    }

    /// <summary>Cancels a response and answers with it, ended; one that had ended stays as it is.</summary>
    public async Task CancelAsync(HttpContext context)
    {
        var turn = ReadAddress(context);
        await _conversations.CancelAsync(turn, context.RequestAborted);
        using var late = new CancellationTokenSource(services.Options.CancelTimeout, services.Time);
        using var waiting = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, late.Token);
        try
        {
            await pump.RunAsync(turn, new SilentDelivery(), meter: null, waiting.Token);
        }
        catch (OperationCanceledException) when (late.IsCancellationRequested)
        {
            // Its end is on its way to the journal: the answer says that the turn still runs.
        }

        await WriteAsync(context, turn, await _conversations.GetAsync(turn, context.RequestAborted));
    }

    public async Task DeleteAsync(HttpContext context)
    {
        var turn = ReadAddress(context);
        await services.Turns.DeleteAsync(turn, context.RequestAborted);
        audit.Deleted(context, turn);
        await context.WriteJsonAsync(WriteDeleted(turn.Response));
    }

    public async Task ListInputItemsAsync(HttpContext context)
    {
        var turn = ReadAddress(context);
        var page = ReadPage(context.Request.Query);
        await WriteAsync(
            context, turn, await _conversations.ListInputItemsAsync(turn, page, context.RequestAborted));
    }

    /// <summary>Answers with what was made; a client that reads slowly keeps its bytes here.</summary>
    private async Task WriteAsync(HttpContext context, TurnAddress turn, ReadOnlyMemory<byte> body)
    {
        using var charge = body.Length > Limits.BatchBytesMax
            ? sending.Hold(turn.Tenant, CopiesSent * (long)body.Length)
            : null;
        await context.WriteJsonAsync(body);
    }

    private static TurnAddress ReadAddress(HttpContext context)
    {
        var text = (string)context.GetRouteValue("id")!;
        var caller = context.Features.GetRequiredFeature<Caller>();
        return ResponseId.TryParse(text, out var id)
            ? new TurnAddress(caller.Tenant, id)
            : throw ConversationException.Of(RefusalKind.NotFound, $"Response with id '{text}' not found.");
    }

    /// <summary>The number of the first event that is asked for; null: none is.</summary>
    private static int? ReadStream(IQueryCollection query)
    {
        var stream = query["stream"].ToString();
        if (stream is not ("" or "true" or "false"))
        {
            throw ConversationException.Of(RefusalKind.InvalidRequest,
                $"'stream' must be true or false, not '{stream}'.", "stream");
        }

        var from = 0;
        if (query["starting_after"] is [var text])
        {
            from = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var last) &&
                last < int.MaxValue
                ? last + 1
                : throw ConversationException.Of(RefusalKind.InvalidRequest,
                    $"'starting_after' must be the sequence_number of an event, not '{text}'.", "starting_after");
        }

        return stream == "true" ? from : null;
    }

    private static ItemPage ReadPage(IQueryCollection query)
    {
        var limit = LimitDefault;
        if (query["limit"] is [var text] &&
            (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out limit) ||
            limit is < 1 or > LimitMax))
        {
            throw ConversationException.Of(RefusalKind.InvalidRequest,
                $"'limit' must be a number from 1 to {LimitMax}, not '{text}'.", "limit");
        }

        var order = query["order"].ToString();
        if (order is not ("" or "asc" or "desc"))
        {
            throw ConversationException.Of(RefusalKind.InvalidRequest,
                $"'order' must be 'asc' or 'desc', not '{order}'.", "order");
        }

        var after = query["after"].ToString();
        return new ItemPage(limit, order == "asc", after.Length == 0 ? null : after);
    }

    private static ReadOnlyMemory<byte> WriteDeleted(ResponseId id)
    {
        var body = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(body);
        json.WriteStartObject();
        json.WriteString("id"u8, id.ToString());
        json.WriteString("object"u8, "response"u8);
        json.WriteBoolean("deleted"u8, true);
        json.WriteEndObject();
        json.Flush();
        return body.WrittenMemory;
    }
}
