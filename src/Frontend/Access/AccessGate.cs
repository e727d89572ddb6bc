using System.Buffers.Text;
using System.Net;
using System.Text;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace Evergrain.Frontend.Access;

/// <summary>
/// Decides who may enter before anything of a request is read. With keys: a Bearer header, or for browsers the
/// subprotocol <c>evergrain.key.&lt;base64url&gt;</c>. Without keys: only this machine's own programs, and pages of
/// this server or of an allowed origin.
/// </summary>
internal sealed class AccessGate(RequestDelegate next, ApiKeyStore keys, OriginRules origins,
    IOptions<EvergrainOptions> options)
{
    private const string KeyProtocol = "evergrain.key.";
    private const string Bearer = "Bearer ";

    // A key longer than this is no key; it also bounds the decoded subprotocol.
    private const int KeyLengthMax = 4096;

    // Of an origin that is refused, for its message.
    private const int OriginCharsMax = 200;

    private readonly bool _metricsFromAnywhere = options.Value.MetricsFromAnywhere;

    public Task InvokeAsync(HttpContext context)
    {
        var subprotocol = FindKeyProtocol(context);
        var refusal = keys.IsRequired
            ? CheckKey(context, subprotocol, out var tenant) ?? CheckSocket(context)
            : CheckKeyless(context, out tenant);
        refusal ??= CheckMetrics(context);
        if (refusal is not null)
        {
            // The body was not read and will not be: the connection ends with the answer.
            context.Response.Headers.Connection = "close";
            return context.WriteRefusalAsync(refusal);
        }

        context.Features.Set(new Caller(tenant, subprotocol));
        return next(context);
    }

    private static string? FindKeyProtocol(HttpContext context)
    {
        foreach (var offered in context.WebSockets.WebSocketRequestedProtocols)
        {
            if (offered.StartsWith(KeyProtocol, StringComparison.Ordinal))
            {
                return offered;
            }
        }

        return null;
    }

    private Refusal? CheckKey(HttpContext context, string? subprotocol, out string tenant)
    {
        tenant = ApiKeySet.DefaultTenant;
        if (IsOpen(context))
        {
            return null;
        }

        var key = ReadKey(context, subprotocol);
        if (key is null)
        {
            return new Refusal(RefusalKind.Unauthorized, NoKey(context, subprotocol));
        }

        if (keys.FindTenant(key) is not { } found)
        {
            return new Refusal(RefusalKind.Unauthorized, "The API key is not known here.");
        }

        tenant = found;
        return null;
    }

    private static string NoKey(HttpContext context, string? subprotocol)
    {
        const string none = "No API key was given: send 'Authorization: Bearer KEY'";
        return subprotocol is not null ? $"What follows '{KeyProtocol}' in the subprotocol is not a key in base64url."
            : context.WebSockets.IsWebSocketRequest
                ? $"{none}, or from a web page the subprotocol '{KeyProtocol}KEY' with the key in base64url."
                : $"{none}.";
    }

    private static byte[]? ReadKey(HttpContext context, string? subprotocol)
    {
        var header = context.Request.Headers.Authorization.ToString();
        if (header.Length is > 0 and <= KeyLengthMax && header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase))
        {
            return Encoding.UTF8.GetBytes(header[Bearer.Length..].Trim());
        }

        var encoded = subprotocol is { Length: <= KeyLengthMax } ? subprotocol.AsSpan(KeyProtocol.Length) : [];
        return encoded.Length > 0 && Base64Url.IsValid(encoded) ? Base64Url.DecodeFromChars(encoded) : null;
    }

    private Refusal? CheckKeyless(HttpContext context, out string tenant)
    {
        tenant = ApiKeySet.DefaultTenant;
        var host = context.Request.Host;
        if (host.Host.ToLowerInvariant() is not ("localhost" or "127.0.0.1" or "[::1]"))
        {
            return new Refusal(RefusalKind.Forbidden,
                "Without API keys the Host must be localhost, 127.0.0.1 or [::1].", "Host");
        }

        return CheckOrigin(context);
    }

    /// <summary>A browser checks no answer of a WebSocket against the list, so the server does.</summary>
    private Refusal? CheckSocket(HttpContext context) =>
        origins.IsEmpty || !context.WebSockets.IsWebSocketRequest ? null : CheckOrigin(context);

    private Refusal? CheckOrigin(HttpContext context)
    {
        var origin = context.Request.Headers.Origin;
        var own = $"{context.Request.Scheme}://{context.Request.Host.Value}";
        return origin.Count == 0 || origin.ToString().Equals(own, StringComparison.OrdinalIgnoreCase) ||
            origins.Allows(origin.ToString())
            ? null
            : new Refusal(RefusalKind.Forbidden,
                $"The origin '{Shown(origin.ToString())}' is not in the setting AllowedOrigins.", "Origin");
    }

    private static string Shown(string origin) =>
        origin.Length <= OriginCharsMax ? origin : $"{origin[..OriginCharsMax]}…";

    private Refusal? CheckMetrics(HttpContext context) =>
        !context.Request.Path.IsMetrics() || _metricsFromAnywhere || IsLocal(context)
            ? null
            : new Refusal(RefusalKind.Forbidden, "Metrics are for this machine only; see MetricsFromAnywhere.");

    /// <summary>Probes and a local scraper have no key.</summary>
    private static bool IsOpen(HttpContext context) =>
        context.Request.Path.IsHealth() || (context.Request.Path.IsMetrics() && IsLocal(context));

    /// <summary>A proxy on this machine speaks for others, and says so.</summary>
    private static bool IsLocal(HttpContext context) =>
        context.Connection.RemoteIpAddress is { } address && IPAddress.IsLoopback(address) &&
        !context.Request.Headers.ContainsKey("X-Forwarded-For") && !context.Request.Headers.ContainsKey("Forwarded");
}
