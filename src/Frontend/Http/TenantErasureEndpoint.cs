using System.Buffers;
using System.Text.Json;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Access;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Evergrain.Frontend.Http;

/// <summary>
/// <c>DELETE /evergrain/tenants/{tenant}/conversations</c>: an operator erases the conversations of a tenant, a bounded
/// number with each request.
/// </summary>
internal sealed class TenantErasureEndpoint(IConversations conversations, AuditLog audit, TimeProvider time)
    : IDisposable
{
    private const int LimitMax = 1_000;

    // Each request reads conversations one after the other. Others wait.
    private const int ErasuresMax = 1;

    // A client or a proxy may give a request up after a minute.
    private static readonly TimeSpan TimeMax = TimeSpan.FromSeconds(20);

    private readonly SemaphoreSlim _erasures = new(ErasuresMax);

    public async Task InvokeAsync(HttpContext context)
    {
        context.EnsureOperator();
        var tenant = (string)context.GetRouteValue("tenant")!;
        if (!ApiKeySet.IsTenant(tenant))
        {
            throw ConversationException.Of(RefusalKind.InvalidRequest,
                "A tenant is 1 to 64 characters of [a-z0-9_-].", "tenant");
        }

        var limit = context.ReadNumber("limit", LimitMax, 1, LimitMax);
        await _erasures.WaitAsync(context.RequestAborted);
        try
        {
            await EraseAsync(context, tenant, limit);
        }
        catch (JournalUnavailableException e)
        {
            throw new ConversationException(
                new Refusal(RefusalKind.Unavailable, "Conversations cannot be listed now: try again."), e);
        }
        finally
        {
            _erasures.Release();
        }
    }

    public void Dispose() => _erasures.Dispose();

    private async Task EraseAsync(HttpContext context, string tenant, int limit)
    {
        var begun = time.GetTimestamp();
        var (erased, failed) = (0, 0);

        // Those that fail stay at the head of the list. The next request goes on behind them.
        var after = ReadAfter(context);
        try
        {
            foreach (var id in await conversations.ListAsync(tenant, after, limit, context.RequestAborted))
            {
                if (time.GetElapsedTime(begun) > TimeMax)
                {
                    break;
                }

                if (await TryEraseAsync(new ConversationKey(tenant, id), context.RequestAborted))
                {
                    erased++;
                }
                else
                {
                    (failed, after) = (failed + 1, id);
                }
            }
        }
        finally
        {
            // Also what was erased before the client left.
            audit.Erased(context, tenant, erased);
        }

        var left = await conversations.ListAsync(tenant, after, limit: 1, context.RequestAborted);
        await context.WriteJsonAsync(Write(tenant, erased, failed, left.Count > 0 ? after : null, left.Count > 0));
    }

    private async Task<bool> TryEraseAsync(ConversationKey key, CancellationToken cancellationToken)
    {
        try
        {
            await conversations.EraseAsync(key, cancellationToken);
            return true;
        }
        catch (ConversationException)
        {
            // One that is damaged, or whose silo does not answer, holds up no other.
            return false;
        }
    }

    private static ConversationId? ReadAfter(HttpContext context) => context.ReadWord("after") switch
    {
        "" => null,
        var text => ConversationRequests.ReadId(text) ?? throw ConversationException.Of(RefusalKind.InvalidRequest,
            "'after' must be the 'next' of the request before.", "after"),
    };

    private static ReadOnlyMemory<byte> Write(
        string tenant, int erased, int failed, ConversationId? next, bool hasMore)
    {
        var body = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(body);
        json.WriteStartObject();
        json.WriteString("object"u8, "evergrain.erasure"u8);
        json.WriteString("tenant"u8, tenant);
        json.WriteNumber("erased"u8, erased);
        json.WriteNumber("failed"u8, failed);
        json.WriteBoolean("has_more"u8, hasMore);
        json.WriteString("next"u8, next?.ToString());
        json.WriteEndObject();
        json.Flush();
        return body.WrittenMemory;
    }
}
