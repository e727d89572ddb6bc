using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Access;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Evergrain.Frontend.Http;

/// <summary>
/// Conversations as shapes, times and digests, and never as content: for a tenant its own, for an operator those of
/// the tenant that it names.
/// </summary>
internal sealed class ConversationEndpoints(IConversations conversations, AuditLog audit) : IDisposable
{
    private const int LimitMax = 500;
    private const int LimitDefault = 100;
    private const string IdPrefix = "conv_";

    // Each holds a whole conversation in memory beside the warm one.
    private const int VerificationsMax = 1;

    private readonly SemaphoreSlim _verifications = new(VerificationsMax);

    public async Task ListTurnsAsync(HttpContext context)
    {
        var key = ReadKey(context);
        var limit = ReadNumber(context, "limit", LimitDefault, 1, LimitMax);
        var after = ReadNumber(context, "after", 0, 0, int.MaxValue);
        await context.WriteJsonAsync(await conversations.ListTurnsAsync(key, after, limit, context.RequestAborted));
    }

    public async Task VerifyAsync(HttpContext context)
    {
        var key = ReadKey(context);
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

    private ConversationKey ReadKey(HttpContext context)
    {
        var tenant = context.ReadTenant(audit);
        var text = (string)context.GetRouteValue("id")!;
        return text.StartsWith(IdPrefix, StringComparison.Ordinal) &&
            ConversationId.TryParseCode(text.AsSpan(IdPrefix.Length), out var id)
                ? new ConversationKey(tenant, id)
                : throw ConversationException.Of(RefusalKind.NotFound, $"Conversation with id '{text}' not found.");
    }

    private static int ReadNumber(HttpContext context, string name, int none, int least, int most)
    {
        var text = context.Request.Query[name].ToString();
        if (text.Length == 0)
        {
            return none;
        }

        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) &&
            number >= least && number <= most
                ? number
                : throw ConversationException.Of(RefusalKind.InvalidRequest,
                    $"'{name}' must be a number from {least} to {most}, not '{text}'.", name);
    }

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
