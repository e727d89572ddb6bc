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
            await context.WriteRefusalAsync(new Refusal(RefusalKind.UpgradeRequired,
                "GET /v1/responses is a WebSocket: connect with 'Upgrade: websocket', or send a create with POST."));
            return;
        }

        var caller = context.Features.GetRequiredFeature<Caller>();
        using var place = connections.Enter(caller.Tenant);
        var wantsKeepalive = EventCounting.IsWanted(context.Request.Headers);
        using var socket = await context.WebSockets.AcceptWebSocketAsync(Terms(caller));
        var peer = new PeerConnection(
            context.Abort, context.RequestAborted, context.Features.Get<CorkedUpgrade>()?.Stream);
        using var session = new SocketSession(services, sockets, socket, caller, peer)
        {
            WantsKeepalive = wantsKeepalive,
        };
        services.Instruments.ConnectionOpened();
        try
        {
            await open.RunAsync(session);
        }
        finally
        {
            services.Instruments.ConnectionClosed();
        }
    }

    private WebSocketAcceptContext Terms(Caller caller) => new()
    {
        SubProtocol = caller.Subprotocol,
        KeepAliveInterval = services.Options.PingInterval,
        KeepAliveTimeout = services.Options.PongTimeout,

        // The danger is compressing a secret beside an attacker's text; the operator turns it on knowing that.
        DangerousEnableCompression = services.Options.Compression,
        DisableServerContextTakeover = true,
    };
}
