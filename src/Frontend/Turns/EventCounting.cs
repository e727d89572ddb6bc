using Microsoft.AspNetCore.Http;

namespace Evergrain.Frontend.Turns;

/// <summary>
/// Finds the clients that count events as life: during a silence they get an event or a frame that says nothing.
/// </summary>
/// <remarks>
/// Codex gives a connection up after 5 minutes without one. It counts neither pings nor the comments of an event
/// stream. Another client never gets an event that it did not ask for: some end on a type that they do not know.
/// </remarks>
internal static class EventCounting
{
    private const string Codex = "codex";
    private const string CodexHeader = "x-codex-";
    private const string KeepaliveHeader = "evergrain-keepalive";

    /// <summary>Whether a request comes from such a client, or asks for the same.</summary>
    public static bool IsWanted(IHeaderDictionary headers)
    {
        if (headers[KeepaliveHeader] == "1" || IsCodex(headers["originator"].ToString()) ||
            IsCodex(headers.UserAgent.ToString()))
        {
            return true;
        }

        foreach (var header in headers)
        {
            if (header.Key.StartsWith(CodexHeader, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsCodex(string name) => name.StartsWith(Codex, StringComparison.OrdinalIgnoreCase);
}
