using System.Text;
using Evergrain.Conversations;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Access;
using Evergrain.Frontend.Admission;
using Evergrain.Frontend.Http;
using Evergrain.Frontend.Turns;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Evergrain.Frontend.Completions;

/// <summary>
/// <c>GET /v1/chat/completions</c>: a page of the caller's stored responses that ended with an answer, as completions.
/// </summary>
/// <remarks>
/// Source: OpenAI's package for Node 7.57.0, ChatCompletionListParams. Its pages go on while there is data, so a page
/// that found nothing among the conversations that it may look into is refused.
/// </remarks>
internal sealed class CompletionList(IConversations conversations, ByteBudget sending) : IDisposable
{
    // The page, and the buffers of the connection.
    private const int CopiesSent = 2;

    private const int LimitMax = 100;
    private const int LimitDefault = 20;
    private const int PairsMax = 16;
    private const string MetadataStart = "metadata[";

    // Lists that are made at a time: each opens conversations. Others wait.
    private const int ListsMax = 4;

    private readonly SemaphoreSlim _lists = new(ListsMax);

    public async Task InvokeAsync(HttpContext context)
    {
        var query = ReadQuery(context);
        using var answer = new RentedBuffer(Array.MaxLength);
        await _lists.WaitAsync(context.RequestAborted);
        try
        {
            await WriteAsync(answer, query, await FindAsync(context, query), context.RequestAborted);
        }
        finally
        {
            _lists.Release();
        }

        using var charge = answer.Length > Limits.BatchBytesMax
            ? sending.Hold(query.Tenant, CopiesSent * (long)answer.Length)
            : null;
        await context.WriteJsonAsync(answer.Written);
    }

    public void Dispose() => _lists.Dispose();

    private async Task<ResponsePage> FindAsync(HttpContext context, ResponseQuery query)
    {
        try
        {
            var page = await conversations.ListResponsesAsync(query, context.RequestAborted);
            return page is not { Found.Count: 0, HasMore: true, LookedAt: { } last } ? page
                : throw CompletionRefusals.Invalid(
                    $"None of the next {Limits.ListedConversationsMax} conversations has such a completion. To look " +
                    $"further, ask again with after={CompletionId.Of(last)}.", "after");
        }
        catch (ConversationException e) when (e.Refusal is { Kind: RefusalKind.NotFound, Param: "after" })
        {
            throw NotFound(context.ReadWord("after"));
        }
    }

    private async Task WriteAsync(
        RentedBuffer output, ResponseQuery query, ResponsePage page, CancellationToken cancellationToken)
    {
        ResponseId? first = null;
        ResponseId? last = null;
        var hasMore = page.HasMore;
        output.Append("{\"object\":\"list\",\"data\":["u8);
        foreach (var response in page.Found)
        {
            if (output.Length > Limits.PageBytesMax)
            {
                hasMore = true;
                break;
            }

            if (await ReadAsync(new TurnAddress(query.Tenant, response), cancellationToken) is { } json)
            {
                output.Append(first is null ? default : ","u8);
                CompletionWriter.Write(output, json);
                (first, last) = (first ?? response, response);
            }
        }

        if (last is null && hasMore)
        {
            throw ConversationException.Of(
                RefusalKind.Unavailable, "The completions were deleted while they were listed: try again.");
        }

        output.Append("],\"first_id\":"u8);
        output.Append(JsonOf(first));
        output.Append(",\"last_id\":"u8);
        output.Append(JsonOf(last));
        output.Append(hasMore ? ",\"has_more\":true}"u8 : ",\"has_more\":false}"u8);
    }

    private async Task<ReadOnlyMemory<byte>?> ReadAsync(TurnAddress turn, CancellationToken cancellationToken)
    {
        try
        {
            return await conversations.GetAsync(turn, cancellationToken);
        }
        catch (ConversationException e) when (e.Refusal.Kind == RefusalKind.NotFound)
        {
            // Deleted meanwhile.
            return null;
        }
    }

    private static byte[] JsonOf(ResponseId? response) =>
        Encoding.ASCII.GetBytes(response is { } id ? $"\"{CompletionId.Of(id)}\"" : "null");

    private static ConversationException NotFound(string id) => ConversationException.Of(
        RefusalKind.NotFound, $"Completion with id '{RoutingFields.Shorten(id)}' not found.", "after");

    private static ResponseQuery ReadQuery(HttpContext context)
    {
        var order = context.ReadWord("order");
        if (order is not ("" or "asc" or "desc"))
        {
            throw CompletionRefusals.Invalid($"'order' must be 'asc' or 'desc', not '{order}'.", "order");
        }

        var (after, model) = (context.ReadWord("after"), context.ReadWord("model"));
        return new ResponseQuery(
            context.Features.GetRequiredFeature<Caller>().Tenant,
            context.ReadNumber("limit", LimitDefault, 1, LimitMax),
            new ResponseFilter
            {
                IsAscending = order != "desc",
                Model = model.Length == 0 ? null : model,
                Metadata = ReadMetadata(context),
            })
        {
            After = after.Length == 0 ? null
                : CompletionId.TryParse(after, out var response) ? response
                : throw NotFound(after),
        };
    }

    private static Dictionary<string, string> ReadMetadata(HttpContext context)
    {
        var names = context.Request.Query.Keys.Where(static name =>
            name.StartsWith("metadata", StringComparison.OrdinalIgnoreCase)).ToList();
        if (names.Exists(static name =>
            !name.StartsWith(MetadataStart, StringComparison.Ordinal) || !name.EndsWith(']')))
        {
            throw CompletionRefusals.Invalid("Send pairs of 'metadata' as metadata[KEY]=VALUE.", "metadata");
        }

        return names.Count <= PairsMax
            ? names.ToDictionary(
                static name => name[MetadataStart.Length..^1], context.ReadWord, StringComparer.Ordinal)
            : throw CompletionRefusals.Invalid($"At most {PairsMax} pairs of 'metadata' are looked for.", "metadata");
    }
}
