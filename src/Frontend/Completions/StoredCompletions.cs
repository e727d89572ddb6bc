using System.Globalization;
using Evergrain.Conversations;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Access;
using Evergrain.Frontend.Admission;
using Evergrain.Frontend.Http;
using Evergrain.Frontend.Turns;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;

namespace Evergrain.Frontend.Completions;

/// <summary>
/// The stored responses in the form of chat completions: read, give other metadata, delete, list the messages before
/// one.
/// </summary>
/// <remarks>Source: OpenAI's package for Node 7.57.0, <c>chat.completions</c>.</remarks>
internal sealed class StoredCompletions(
    ITurns turns, IConversations conversations, AuditLog audit, ByteBudget sending, RequestBodies bodies)
{
    // The response, its completion, and the buffers of the connection.
    private const int CopiesSent = 3;

    private const int LimitMax = 100;
    private const int LimitDefault = 20;

    private static readonly byte[] NoMetadata = "{}"u8.ToArray();

    private static readonly string[] MetadataMember = ["metadata"];
    private static readonly string[] StatusMember = ["status"];
    private static readonly string[] ListMembers = ["data", "last_id", "has_more"];

    public async Task GetAsync(HttpContext context)
    {
        var turn = ReadAddress(context);
        await WriteAsync(context, turn, await FindCompletionAsync(context, turn));
    }

    /// <summary>Replaces the metadata of a completion, and answers with the completion.</summary>
    public async Task ChangeAsync(HttpContext context)
    {
        var turn = ReadAddress(context);
        using var body = await bodies.ReadAsync(context.Request);
        var members = CompletionRequest.ReadMembers(body.Written, MetadataMember);
        if (!members.Has("metadata"))
        {
            throw CompletionRefusals.Missing("metadata");
        }

        await FindCompletionAsync(context, turn);
        var metadata = members["metadata"] is { IsEmpty: false } value ? value.ToArray() : NoMetadata;
        await FindAsync(context, async () =>
        {
            await conversations.ChangeMetadataAsync(turn, metadata, context.RequestAborted);
            return true;
        });
        await WriteAsync(context, turn, await FindCompletionAsync(context, turn));
    }

    private async Task<ReadOnlyMemory<byte>> FindCompletionAsync(HttpContext context, TurnAddress turn)
    {
        var response = await FindAsync(context, () => conversations.GetAsync(turn, context.RequestAborted).AsTask());
        return FailedTurn.Read(response, hasStatus: false) is not null ||
            JsonSlots.TextOf(JsonSlots.Read(response, StatusMember, "response")["status"]) == "in_progress"
            ? throw NotFound(context, "its turn failed or still runs")
            : response;
    }

    private async Task WriteAsync(HttpContext context, TurnAddress turn, ReadOnlyMemory<byte> response)
    {
        using var charge = response.Length > Limits.BatchBytesMax
            ? sending.Hold(turn.Tenant, CopiesSent * (long)response.Length)
            : null;
        using var completion = new RentedBuffer(Array.MaxLength);
        CompletionWriter.Write(completion, response);
        await context.WriteJsonAsync(completion.Written);
    }

    public async Task DeleteAsync(HttpContext context)
    {
        var turn = ReadAddress(context);
        await FindAsync(context, async () =>
        {
            await turns.DeleteAsync(turn, context.RequestAborted);
            return true;
        });
        audit.Deleted(context, turn);
        using var answer = new RentedBuffer(Array.MaxLength);
        answer.Append("{\"object\":\"chat.completion.deleted\",\"id\":\""u8);
        CompletionId.Write(answer, System.Text.Encoding.ASCII.GetBytes($"\"{turn.Response}\""));
        answer.Append("\",\"deleted\":true}"u8);
        await context.WriteJsonAsync(answer.Written);
    }

    public async Task ListMessagesAsync(HttpContext context)
    {
        var turn = ReadAddress(context);
        var page = ReadPage(context.Request.Query);
        var messages = new StoredMessages(page);
        var next = page with { Limit = Limits.PageItemsMax };
        var isOver = false;
        while (!isOver)
        {
            var items = await FindAsync(
                context, () => conversations.ListInputItemsAsync(turn, next, context.RequestAborted).AsTask());
            var list = JsonSlots.Read(items, ListMembers, "list");
            isOver = !messages.Add(list["data"]) || !JsonSlots.IsTrue(list["has_more"]);
            next = next with { After = JsonSlots.TextOf(list["last_id"]) };
        }

        using var answer = new RentedBuffer(Array.MaxLength);
        messages.Write(answer);
        await context.WriteJsonAsync(answer.Written);
    }

    private static TurnAddress ReadAddress(HttpContext context) =>
        CompletionId.TryParse((string)context.GetRouteValue("id")!, out var response)
            ? new TurnAddress(context.Features.GetRequiredFeature<Caller>().Tenant, response)
            : throw NotFound(context);

    private static ConversationException NotFound(HttpContext context, string? why = null)
    {
        var id = RoutingFields.Shorten((string)context.GetRouteValue("id")!);
        return ConversationException.Of(RefusalKind.NotFound,
            why is null ? $"Completion with id '{id}' not found." : $"Completion with id '{id}' not found: {why}.");
    }

    private static async Task<T> FindAsync<T>(HttpContext context, Func<Task<T>> ask)
    {
        try
        {
            return await ask();
        }
        catch (ConversationException e) when (e.Refusal.Kind == RefusalKind.NotFound)
        {
            throw NotFound(context);
        }
    }

    private static ItemPage ReadPage(IQueryCollection query)
    {
        var limit = LimitDefault;
        if (query["limit"] is [var text] &&
            (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out limit) ||
            limit is < 1 or > LimitMax))
        {
            throw CompletionRefusals.Invalid($"'limit' must be a number from 1 to {LimitMax}, not '{text}'.", "limit");
        }

        var order = query["order"].ToString();
        if (order is not ("" or "asc" or "desc"))
        {
            throw CompletionRefusals.Invalid($"'order' must be 'asc' or 'desc', not '{order}'.", "order");
        }

        var after = query["after"].ToString();
        return new ItemPage(limit, order != "desc", after.Length == 0 ? null : after);
    }
}
