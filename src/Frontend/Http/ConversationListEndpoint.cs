using System.Buffers;
using System.Text.Json;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Access;
using Microsoft.AspNetCore.Http;

namespace Evergrain.Frontend.Http;

/// <summary>
/// <c>GET /evergrain/conversations</c>: conversations as shapes and times, newest created first, or those that an id or
/// a word of a request names.
/// </summary>
internal sealed class ConversationListEndpoint(IConversations conversations, AuditLog audit) : IDisposable
{
    private const int LimitMax = 100;
    private const int LimitDefault = 20;

    // Lists that are made at a time: each reads the journal and asks every silo. Others wait.
    private const int ListsMax = 4;

    // The longest word is a session's name.
    private const int WordCharsMax = TurnOrigin.SessionCharsMax;

    private static readonly (string Name, OriginKind Kind)[] Words =
    [
        ("request_id", OriginKind.Request), ("trace_id", OriginKind.Trace), ("session_id", OriginKind.Session),
    ];

    private readonly SemaphoreSlim _lists = new(ListsMax);

    public async Task InvokeAsync(HttpContext context)
    {
        var query = Read(context);
        await _lists.WaitAsync(context.RequestAborted);
        try
        {
            await context.WriteJsonAsync(Write(await FindAsync(query, context.RequestAborted)));
        }
        finally
        {
            _lists.Release();
        }
    }

    public void Dispose() => _lists.Dispose();

    private async ValueTask<ConversationPage> FindAsync(
        ConversationQuery? query, CancellationToken cancellationToken) => query is null
            ? new ConversationPage([], HasMore: false, ListPlace.Newest, IsComplete: true)
            : await conversations.FindAsync(query, cancellationToken);

    /// <summary>What is asked for; null: an id that nothing has.</summary>
    private ConversationQuery? Read(HttpContext context)
    {
        var query = new ConversationQuery(
            context.ReadTenantOrAll(audit), context.ReadNumber("limit", LimitDefault, 1, LimitMax));
        var after = context.ReadWord("after");
        if (after.Length > 0)
        {
            query = query with
            {
                After = ListPlace.TryParse(after, out var place)
                    ? place
                    : throw ConversationException.Of(RefusalKind.InvalidRequest,
                        "'after' must be the 'next' of the page before.", "after"),
            };
        }

        var names = Words.Select(static word => word.Name).Append("id")
            .Where(context.Request.Query.ContainsKey).ToList();
        return names switch
        {
            [] => query,
            ["id"] => ReadId(context.ReadWord("id")) is { } id
                ? query with { Conversation = id }
                : null,
            [var name] => query with { Origin = ReadOrigin(context, name) },
            _ => throw ConversationException.Of(RefusalKind.InvalidRequest,
                $"Search by one of {string.Join(", ", names)}, not by all.", names[0]),
        };
    }

    private static ConversationId? ReadId(string text) =>
        ResponseId.TryParse(text, out var response) ? response.Conversation : ConversationRequests.ReadId(text);

    private static OriginWord ReadOrigin(HttpContext context, string name)
    {
        var text = context.ReadWord(name);
        return text.Length is > 0 and <= WordCharsMax
            ? new OriginWord(Array.Find(Words, word => word.Name == name).Kind, text)
            : throw ConversationException.Of(
                RefusalKind.InvalidRequest, $"'{name}' has 1 to {WordCharsMax} characters.", name);
    }

    private static ReadOnlyMemory<byte> Write(ConversationPage page)
    {
        var body = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(body);
        json.WriteStartObject();
        json.WriteString("object"u8, "list"u8);
        json.WriteStartArray("data"u8);
        foreach (var conversation in page.Found)
        {
            Write(json, conversation);
        }

        json.WriteEndArray();
        json.WriteBoolean("has_more"u8, page.HasMore);
        json.WriteString("next"u8, page.HasMore ? page.Next.ToString() : null);
        json.WriteBoolean("is_complete"u8, page.IsComplete);
        json.WriteEndObject();
        json.Flush();
        return body.WrittenMemory;
    }

    private static void Write(Utf8JsonWriter json, FoundConversation conversation)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, conversation.Key.Id.ToString());
        json.WriteString("object"u8, "evergrain.conversation"u8);
        json.WriteString("tenant"u8, conversation.Key.Tenant);
        if (conversation.CreatedAt is { } time)
        {
            json.WriteNumber("created_at_ms"u8, time);
        }
        else
        {
            json.WriteNull("created_at_ms"u8);
        }

        json.WriteBoolean("is_stored"u8, conversation.IsStored);
        if (conversation.Held is { } held)
        {
            Write(json, held);
        }
        else
        {
            json.WriteNull("memory"u8);
        }

        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, HeldConversation held)
    {
        json.WriteStartObject("memory"u8);
        json.WriteNumber("turns"u8, held.Turns);
        json.WriteNumber("unstored"u8, held.Unstored);
        json.WriteNumber("running"u8, held.Running);
        json.WriteNumber("items"u8, held.Items);
        json.WriteString("digest"u8, held.Digest);
        json.WriteNumber("active_at_ms"u8, held.ActiveAt);
        json.WriteEndObject();
    }
}
