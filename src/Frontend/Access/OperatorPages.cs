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

            throw ConversationException.Of(RefusalKind.Forbidden, "This page is for operators: send a key of " +
                "OperatorKeys or OperatorKeysFile; metrics are at OperationsPort too, where it is set.");
        }
    }
}
