using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Access;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;

namespace Evergrain.Frontend.Http;

/// <summary>The stored responses over HTTP: read, delete, list what one was made from.</summary>
/// <remarks>Source: OpenAI's API reference, <c>GET|DELETE /v1/responses/{id}</c> and <c>…/input_items</c>.</remarks>
internal sealed class ResponsesEndpoints(IConversations conversations)
{
    private const int LimitMax = 100;
    private const int LimitDefault = 20;

    public async Task GetAsync(HttpContext context) =>
        await context.WriteJsonAsync(await conversations.GetAsync(ReadAddress(context), context.RequestAborted));

    public async Task DeleteAsync(HttpContext context)
    {
        var turn = ReadAddress(context);
        await conversations.DeleteAsync(turn, context.RequestAborted);
        await context.WriteJsonAsync(WriteDeleted(turn.Response));
    }

    public async Task ListInputItemsAsync(HttpContext context)
    {
        var turn = ReadAddress(context);
        var page = ReadPage(context.Request.Query);
        await context.WriteJsonAsync(await conversations.ListInputItemsAsync(turn, page, context.RequestAborted));
    }

    private static TurnAddress ReadAddress(HttpContext context)
    {
        var text = (string)context.GetRouteValue("id")!;
        var caller = context.Features.GetRequiredFeature<Caller>();
        return ResponseId.TryParse(text, out var id)
            ? new TurnAddress(caller.Tenant, id)
            : throw ConversationException.Of(RefusalKind.NotFound, $"Response with id '{text}' not found.");
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
