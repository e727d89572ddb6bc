using System.Buffers;
using System.Text.Json;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Access;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Evergrain.Frontend.Http;

/// <summary>
/// Conversations as shapes, times and digests, and never as content: for a tenant its own, for an operator those of
/// the tenant that it names.
/// </summary>
internal sealed class ConversationEndpoints(IConversations conversations, AuditLog audit) : IDisposable
{
    private const int LimitMax = 500;
    private const int LimitDefault = 100;
    private const int RenderedMax = 100;

    // Each holds a whole conversation in memory beside the warm one.
    private const int VerificationsMax = 1;

    private readonly SemaphoreSlim _verifications = new(VerificationsMax);

    public async Task ListTurnsAsync(HttpContext context)
    {
        var key = context.ReadConversation(audit);
        var limit = context.ReadNumber("limit", LimitDefault, 1, LimitMax);
        var after = context.ReadNumber("after", 0, 0, int.MaxValue);
        await context.WriteJsonAsync(await conversations.ListTurnsAsync(key, after, limit, context.RequestAborted));
    }

    /// <summary>
    /// What the context of a turn is made of. Rendered items are content, and no operator's to read.
    /// </summary>
    public async Task GetContextAsync(HttpContext context)
    {
        var key = context.ReadConversation(audit);
        var rendered = context.ReadNumber("rendered", 0, 0, RenderedMax);
        if (rendered > 0 && key.Tenant != context.Features.GetRequiredFeature<Caller>().Tenant)
        {
            throw ConversationException.Of(RefusalKind.Forbidden,
                "Rendered items are for the conversation's tenant: send its key, or leave 'rendered' out.");
        }

        var text = context.ReadWord("response");
        if (text.Length == 0)
        {
            throw ConversationException.Of(RefusalKind.InvalidRequest,
                "'response' must name a response of the conversation.", "response");
        }

        if (!ResponseId.TryParse(text, out var response) || response.Conversation != key.Id)
        {
            throw ConversationException.Of(RefusalKind.NotFound, $"Response with id '{text}' not found.");
        }

        await context.WriteJsonAsync(await conversations.GetContextAsync(
            key, response.Turn, rendered, context.RequestAborted));
    }

    public async Task VerifyAsync(HttpContext context)
    {
        var key = context.ReadConversation(audit);
        await _verifications.WaitAsync(context.RequestAborted);
        try
        {
            await context.WriteJsonAsync(Write(await conversations.VerifyAsync(key, context.RequestAborted)));
        }
        finally
        {
            _verifications.Release();
        }
    }

    public void Dispose() => _verifications.Dispose();

    private static ReadOnlyMemory<byte> Write(Verification verification)
    {
        var body = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(body);
        json.WriteStartObject();
        json.WriteString("object"u8, "evergrain.verification"u8);
        json.WriteBoolean("is_equal"u8, verification.IsEqual);
        json.WriteNumber("turns"u8, verification.Turns);
        json.WriteStartArray("different"u8);
        foreach (var id in verification.Different)
        {
            json.WriteStringValue(id);
        }

        json.WriteEndArray();
        json.WriteString("fault"u8, verification.Fault);
        json.WriteEndObject();
        json.Flush();
        return body.WrittenMemory;
    }
}
