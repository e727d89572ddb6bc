using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Turns;
using Microsoft.AspNetCore.Http;

namespace Evergrain.Frontend.Http;

/// <summary>What a client is told that asks for something that this server does not have.</summary>
internal static class AbsentFeatures
{
    private const string Prefix = "/v1";
    private const string Chains = "name the response to go on from in 'previous_response_id', and send only new items.";

    /// <summary>
    /// Paths of OpenAI's API that have something to use in their place. Routing takes some of them for an id of a
    /// response, and would list the methods of one.
    /// </summary>
    private static readonly (string Path, string Instead)[] Known =
    [
        ("/v1/responses/compact", $"a conversation is not compacted here; {Chains}"),
        ("/v1/responses/input_tokens", "tokens are counted by a turn, in the 'usage' of its response."),
        ("/v1/conversations", Chains),
        ("/v1/assistants", Chains),
        ("/v1/threads", Chains),
    ];

    /// <summary>The refusal that a status of routing stands for; null: it is no such status.</summary>
    public static Refusal? RefusalOf(HttpContext context)
    {
        var path = context.Request.Path;
        var status = context.Response.StatusCode;
        if (status is not (StatusCodes.Status404NotFound or StatusCodes.Status405MethodNotAllowed))
        {
            return null;
        }

        foreach (var (absent, instead) in Known)
        {
            if (path.StartsWithSegments(absent, StringComparison.Ordinal))
            {
                context.Response.Headers.Allow = default;
                return new Refusal(RefusalKind.NotFound, $"Evergrain has no {absent}: {instead}");
            }
        }

        return status == StatusCodes.Status404NotFound
            ? new Refusal(RefusalKind.NotFound, $"Evergrain has no {RoutingFields.Shorten(path)}: {Hint(path)}")
            : new Refusal(RefusalKind.MethodNotAllowed, $"Evergrain has no {context.Request.Method} " +
                $"{RoutingFields.Shorten(path)}: the path takes {context.Response.Headers.Allow}.");
    }

    private static string Hint(PathString path)
    {
        var text = path.Value.AsSpan();
        var last = text[(text.LastIndexOf('/') + 1)..];
        return last is "responses" or "completions" or "models" && path != $"{Prefix}/{last}"
            ? $"the paths begin with {Prefix}, once; let the client's base URL end in it."
            : $"it serves {Prefix}/responses, {Prefix}/chat/completions and {Prefix}/models. See /openapi.json.";
    }
}
