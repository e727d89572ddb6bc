using Evergrain.Conversations.Ports;
using Microsoft.AspNetCore.Http;

namespace Evergrain.Frontend.Turns;

/// <summary>Reads from a request how the turns that it brings may be found again.</summary>
internal static class TurnOrigins
{
    /// <summary>That of a request, or of a WebSocket's handshake.</summary>
    /// <remarks>Source: Codex, which names its session in these headers, and its thread as well.</remarks>
    public static TurnOrigin Of(HttpContext context)
    {
        var headers = context.Request.Headers;
        var name = headers.ContainsKey("session-id") ? "session-id"
            : headers.ContainsKey("session_id") ? "session_id" : "thread-id";
        var session = headers[name].ToString();
        return new TurnOrigin(context.Response.Headers["x-request-id"].ToString(),
            session.Length is > 0 and <= TurnOrigin.SessionCharsMax ? session : null);
    }
}
