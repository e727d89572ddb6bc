using System.Net;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace Evergrain.Frontend.Access;

/// <summary>
/// Decides who may enter before anything of a request is read. With keys: a key of a tenant or of an operator. Without
/// keys: only this machine's own programs, without a proxy, and pages of this server or of an allowed origin.
/// </summary>
internal sealed class AccessGate(RequestDelegate next, ApiKeyStore keys, OriginRules origins, AccessReports reports,
    IOptions<EvergrainOptions> options)
{
    // Of an origin that is refused, for its message.
    private const int OriginCharsMax = 200;

    private readonly bool _hasOperationsPort = options.Value.OperationsPort is not null;

    public Task InvokeAsync(HttpContext context)
    {
        var refusal = OperationsListener.IsOn(context)
            ? CheckOperations(context, out var caller)
            : CheckPublic(context, out caller);
        if (refusal is not null)
        {
            reports.Refused(refusal);

            // The body was not read and will not be: the connection ends with the answer.
            context.Response.Headers.Connection = "close";
            return context.WriteRefusalAsync(refusal);
        }

        context.Features.Set(caller);
        return next(context);
    }

    private Refusal? CheckPublic(HttpContext context, out Caller caller)
    {
        if (!keys.IsRequired)
        {
            // With an operations port metrics are there alone.
            caller = new Caller(ApiKeySet.DefaultTenant, KeyReader.FindProtocol(context), !_hasOperationsPort);
            return CheckLocal(context);
        }

        return CheckKey(context, out caller) ?? CheckSocket(context);
    }

    /// <summary>Health and metrics, for those who reach that port.</summary>
    private Refusal? CheckOperations(HttpContext context, out Caller caller)
    {
        caller = new Caller(ApiKeySet.Operator, Subprotocol: null, IsOperator: true);
        if (!context.Request.Path.IsProbe())
        {
            return new Refusal(RefusalKind.NotFound, "The operations port serves health and metrics only.");
        }

        if (!keys.IsRequired)
        {
            return CheckLocal(context);
        }

        if (keys.HasOperators)
        {
            return CheckKey(context, out caller);
        }

        return context.Request.Path.IsMetrics() && ForwardingHeaders.Find(context.Request.Headers) is { } header
            ? new Refusal(RefusalKind.Forbidden, $"A proxy passed the request on ('{header}'): the operations port " +
                "answers proxies only with an operator's key. Set OperatorKeys or OperatorKeysFile.")
            : null;
    }

    private Refusal? CheckKey(HttpContext context, out Caller caller)
    {
        var subprotocol = KeyReader.FindProtocol(context);
        caller = new Caller(ApiKeySet.DefaultTenant, subprotocol);
        if (context.Request.Path.IsHealth())
        {
            // Probes have no key.
            return null;
        }

        var key = KeyReader.Read(context, subprotocol);
        if (key is null)
        {
            return new Refusal(RefusalKind.Unauthorized, KeyReader.Missing(context, subprotocol));
        }

        if (keys.FindTenant(key) is not { } tenant)
        {
            reports.RefusedKey(context, tenant: null);
            return new Refusal(RefusalKind.Unauthorized, "The API key is not known here.");
        }

        caller = new Caller(tenant, subprotocol, tenant == ApiKeySet.Operator);
        if (caller.IsOperator && !context.Request.Path.IsForOperators())
        {
            reports.RefusedKey(context, tenant);
            return new Refusal(RefusalKind.Forbidden,
                "An operator's key opens metrics and usage, and no conversation: send a tenant's key.");
        }

        return null;
    }

    /// <summary>Each condition must hold, since a proxy on this machine can fulfil any one of them.</summary>
    private Refusal? CheckLocal(HttpContext context)
    {
        if (ForwardingHeaders.Find(context.Request.Headers) is { } header)
        {
            return new Refusal(RefusalKind.Forbidden, $"A proxy passed the request on ('{header}'), and a server " +
                "without API keys serves its own machine only: start it with --api-keys FILE or --api-key KEY.",
                header);
        }

        if (context.Connection.RemoteIpAddress is not { } address || !IPAddress.IsLoopback(address))
        {
            return new Refusal(RefusalKind.Forbidden, "Without API keys the server serves its own machine only.");
        }

        return context.Request.Host.Host.ToLowerInvariant() is "localhost" or "127.0.0.1" or "[::1]"
            ? CheckOrigin(context)
            : new Refusal(RefusalKind.Forbidden,
                "Without API keys the Host must be localhost, 127.0.0.1 or [::1].", "Host");
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
}
