using System.Buffers;
using System.Text.Json;
using Evergrain.Conversations.Ports;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Evergrain.Frontend.Access;

/// <summary>
/// Says what operators read, what is deleted, how keys change and which keys are refused: one JSON line each, with
/// ids and names, and never with content or a key's text.
/// </summary>
internal sealed class AuditLog(AuditSink sink, TimeProvider time)
{
    /// <summary>Lines about refused keys in a minute; those beyond are counted, since a stranger chooses how many
    /// come.</summary>
    public const int RefusedKeysPerMinute = 60;

    // Of a line about keys: a file may hold thousands.
    private const int TenantsMax = 32;

    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private long _windowSince;
    private int _written;
    private long _leftOut;

    /// <summary>A stored response was deleted.</summary>
    public void Deleted(HttpContext context, TurnAddress turn)
    {
        if (sink.IsOn)
        {
            Write("deletion", context, json =>
            {
                json.WriteString("tenant"u8, turn.Tenant);
                json.WriteString("response"u8, turn.Response.ToString());
            });
        }
    }

    /// <summary>An operator erased conversations of a tenant.</summary>
    public void Erased(HttpContext context, string tenant, int conversations)
    {
        if (sink.IsOn)
        {
            Write("erasure", context, json =>
            {
                json.WriteString("tenant"u8, tenant);
                json.WriteNumber("conversations"u8, conversations);
            });
        }
    }

    /// <summary>An operator asked for what belongs to a tenant, or to every tenant (null).</summary>
    public void OperatorRead(HttpContext context, string? tenant)
    {
        if (sink.IsOn)
        {
            Write("operator_read", context, json =>
            {
                json.WriteString("tenant"u8, tenant);
                json.WriteString("page"u8, (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText);
            });
        }
    }

    /// <summary>A key was refused.</summary>
    /// <param name="context">The request.</param>
    /// <param name="tenant">Whose it is, if it was known and used in the wrong place; else null.</param>
    public void KeyRefused(HttpContext context, string? tenant)
    {
        if (sink.IsOn && Count() is { } leftOut)
        {
            Write("key_refused", context, json =>
            {
                json.WriteString("why"u8, tenant is null ? "unknown"u8 : "wrong_place"u8);
                json.WriteString("tenant"u8, tenant);
                json.WriteNumber("left_out"u8, leftOut);
            });
        }
    }

    /// <summary>Keys were read again.</summary>
    /// <param name="added">The tenants of new keys, one name for each key.</param>
    /// <param name="removed">The tenants of keys that are gone.</param>
    public void KeysChanged(IReadOnlyList<string> added, IReadOnlyList<string> removed)
    {
        if (sink.IsOn)
        {
            Write("keys_changed", context: null, json =>
            {
                WriteTenants(json, "added", added);
                WriteTenants(json, "removed", removed);
            });
        }
    }

    /// <summary>How many lines were left out before this one; null: this one is left out too.</summary>
    private long? Count()
    {
        lock (_lock)
        {
            if (_written == 0 || time.GetElapsedTime(_windowSince) >= Window)
            {
                (_windowSince, _written) = (time.GetTimestamp(), 0);
            }

            if (_written == RefusedKeysPerMinute)
            {
                _leftOut++;
                return null;
            }

            _written++;
            var leftOut = _leftOut;
            _leftOut = 0;
            return leftOut;
        }
    }

    private void Write(string what, HttpContext? context, Action<Utf8JsonWriter> write)
    {
        var line = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(line))
        {
            json.WriteStartObject();
            json.WriteString("time"u8, time.GetUtcNow());
            json.WriteString("event"u8, what);
            write(json);
            if (context is not null)
            {
                json.WriteString("request"u8, context.Response.Headers["x-request-id"].ToString());
                json.WriteString("address"u8, context.Connection.RemoteIpAddress?.ToString());
            }

            json.WriteEndObject();
        }

        line.Write("\n"u8);
        sink.Write(line.WrittenSpan.ToArray());
    }

    private static void WriteTenants(Utf8JsonWriter json, string name, IReadOnlyList<string> tenants)
    {
        json.WriteStartObject(name);
        json.WriteNumber("keys"u8, tenants.Count);
        json.WriteStartArray("tenants"u8);
        foreach (var tenant in tenants.Distinct(StringComparer.Ordinal).Take(TenantsMax))
        {
            json.WriteStringValue(tenant);
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }
}
