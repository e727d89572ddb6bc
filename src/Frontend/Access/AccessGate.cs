using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Http;
using Evergrain.Frontend.Pages;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace Evergrain.Frontend.Access;

/// <summary>
/// Decides who may enter before anything of a request is read. With keys: a key of a tenant or of an operator. Without
/// keys: only this machine's own programs, without a proxy, and pages of this server or of an allowed origin.
/// </summary>
internal sealed class AccessGate(RequestDelegate next, ApiKeyStore keys, PlaceRules places, AccessReports reports,
    IOptions<EvergrainOptions> options)
{
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
            return places.CheckLocal(context);
        }

        return CheckKey(context, out caller) ?? places.CheckSocket(context);
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
            return places.CheckLocal(context);
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
        if (context.Request.Path.IsHealth() || (context.Request.Path.IsPage() && places.ShowPages(context)))
        {
            // Probes have no key, and a browser has none when it opens a page: the page asks its user for one.
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
                "An operator's key opens metrics, usage and the shapes of conversations, and no content: " +
                "send a tenant's key.");
        }

        return null;
    }
}
