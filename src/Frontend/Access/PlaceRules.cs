using System.Net;
using Evergrain.Conversations.Ports;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace Evergrain.Frontend.Access;

/// <summary>From where a request may come: from this machine without a proxy, from pages of which origins.</summary>
internal sealed class PlaceRules(OriginRules origins, IOptions<EvergrainOptions> options)
{
    // Of an origin that is refused, for its message.
    private const int OriginCharsMax = 200;

    private readonly string _pages = options.Value.Pages;

    /// <summary>
    /// Refuses what does not come from this machine's own programs. Each condition must hold, since a proxy on this
    /// machine can fulfil any one of them.
    /// </summary>
    public Refusal? CheckLocal(HttpContext context)
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
    public Refusal? CheckSocket(HttpContext context) =>
        origins.IsEmpty || !context.WebSockets.IsWebSocketRequest ? null : CheckOrigin(context);

    /// <summary>Whether a caller is shown this server's own pages, by <see cref="EvergrainOptions.Pages"/>.</summary>
    public bool ShowPages(HttpContext context) => _pages switch
    {
        EvergrainOptions.PagesOn => true,
        EvergrainOptions.PagesLocal => CheckLocal(context) is null,
        _ => false,
    };

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
