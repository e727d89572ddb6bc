using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Access;
using Evergrain.Frontend.Admission;
using Evergrain.Frontend.Http;
using Evergrain.Frontend.Turns;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Evergrain.Frontend.Sockets;

/// <summary><c>GET /v1/responses</c>: upgrades to a WebSocket and serves it.</summary>
internal sealed class ResponsesSocket(TurnServices services, SocketServices sockets, ServerDrain drain,
    SocketDrain open, ConnectionGate connections)
{
    public async Task InvokeAsync(HttpContext context)
    {
        if (drain.IsDraining)
        {
            await context.WriteRefusalAsync(new Refusal(RefusalKind.Unavailable,
                "The server restarts: connect again."));
            return;
        }

        if (!context.WebSockets.IsWebSocketRequest)
        {
            // Codex falls back to HTTP at once on 426, and only on that.
            context.Response.Headers.Upgrade = "websocket";
            context.Response.Headers.Connection = "Upgrade";
            await context.WriteRefusalAsync(new Refusal(RefusalKind.UpgradeRequired, WhyNoSocket(context.Request)));
            return;
        }

        var caller = context.Features.GetRequiredFeature<Caller>();
        using var place = connections.Enter(caller.Tenant);
        var wantsKeepalive = EventCounting.IsWanted(context.Request.Headers);
        var timing = TimingWishes.Of(context.Request);
        using var socket = await context.WebSockets.AcceptWebSocketAsync(Terms(caller));
        var peer = new PeerConnection(
            context.Abort, context.RequestAborted, context.Features.GetRequiredFeature<CorkedUpgrade>().Stream!,
            TurnOrigins.Of(context));
        using var session = new SocketSession(services, sockets, socket, caller, peer)
        {
            WantsKeepalive = wantsKeepalive,
            Timing = timing,
        };
        await open.RunAsync(session);
    }

    // A proxy takes the headers of the connection away, and leaves those of the WebSocket.
    private static string WhyNoSocket(HttpRequest request) => request.Headers.SecWebSocketKey.Count > 0
        ? "A proxy took 'Upgrade: websocket' from this request: let the proxy pass on Upgrade and Connection."
        : "GET /v1/responses is a WebSocket: connect with 'Upgrade: websocket', or send a create with POST.";

    private WebSocketAcceptContext Terms(Caller caller) => new()
    {
        SubProtocol = caller.Subprotocol,

        // The runtime looks whether a ping is due four times in this interval, so a ping comes up to a quarter late.
        KeepAliveInterval = services.Options.PingInterval * 0.8,
        KeepAliveTimeout = services.Options.PongTimeout,

        // The danger is compressing a secret beside an attacker's text; the operator turns it on knowing that.
        DangerousEnableCompression = services.Options.Compression,
        DisableServerContextTakeover = true,
    };
}
