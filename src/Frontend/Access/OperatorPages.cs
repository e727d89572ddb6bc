using Evergrain.Conversations.Ports;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Evergrain.Frontend.Access;

/// <summary>Keeps a page for operators, by whatever spelling of its path a request came.</summary>
internal static class OperatorPages
{
    /// <summary>The page, for operators only.</summary>
    public static RequestDelegate ForOperators(this RequestDelegate page) => context =>
    {
        context.EnsureOperator();
        return page(context);
    };

    /// <summary>
    /// The tenant that is asked about: the caller's own, or, for an operator, the one of <c>?tenant=NAME</c>. What an
    /// operator reads of another tenant is in the audit.
    /// </summary>
    /// <exception cref="ConversationException">
    /// A caller who is no operator names another tenant, or an operator names none.
    /// </exception>
    public static string ReadTenant(this HttpContext context, AuditLog audit)
    {
        var (own, named) = (context.Features.Get<Caller>()!.Tenant, context.Request.Query["tenant"].ToString());
        if (named.Length == 0 || named == own)
        {
            return ApiKeySet.IsTenant(own) ? own : throw NoTenant();
        }

        context.EnsureOperator();
        if (!ApiKeySet.IsTenant(named))
        {
            throw NoTenant();
        }

        audit.OperatorRead(context, named);
        return named;
    }

    /// <summary>The same, but an operator who names no tenant asks about every tenant: null.</summary>
    /// <exception cref="ConversationException">As above.</exception>
    public static string? ReadTenantOrAll(this HttpContext context, AuditLog audit)
    {
        var caller = context.Features.Get<Caller>()!;
        if (!caller.IsOperator || ApiKeySet.IsTenant(caller.Tenant) || context.Request.Query["tenant"].Count > 0)
        {
            return context.ReadTenant(audit);
        }

        audit.OperatorRead(context, tenant: null);
        return null;
    }

    /// <summary>Refuses everybody but an operator.</summary>
    /// <exception cref="ConversationException">The caller is none.</exception>
    public static void EnsureOperator(this HttpContext context)
    {
        var caller = context.Features.Get<Caller>()!;
        if (!caller.IsOperator)
        {
            if (context.RequestServices.GetRequiredService<ApiKeyStore>().IsRequired)
            {
                context.RequestServices.GetRequiredService<AccessReports>().RefusedKey(context, caller.Tenant);
            }

            throw ConversationException.Of(RefusalKind.Forbidden, "This address is for operators: send a key of " +
                "OperatorKeys or OperatorKeysFile; metrics are at OperationsPort too, where it is set.");
        }
    }

    private static ConversationException NoTenant() => ConversationException.Of(RefusalKind.InvalidRequest,
        "An operator names the tenant: ?tenant=NAME, 1 to 64 characters of [a-z0-9_-].", "tenant");
}
