using System.Net.WebSockets;

namespace Evergrain.Frontend.Sockets;

/// <summary>Why a connection ends.</summary>
internal enum SocketEnd
{
    /// <summary>The peer sent a close frame.</summary>
    PeerClosed,

    /// <summary>The transport broke, or the peer did not read in time.</summary>
    PeerGone,

    /// <summary>The peer broke RFC 6455 or sent invalid UTF-8; the socket has sent its close frame itself.</summary>
    ProtocolBroken,

    /// <summary>A message did not end in time.</summary>
    FrameStalled,

    /// <summary>A message was too long.</summary>
    FrameOverLong,

    /// <summary>Too many frames came in one second that bring no create.</summary>
    Flooded,

    /// <summary>The connection's lifetime is over.</summary>
    LifetimeOver,

    /// <summary>The server is going down.</summary>
    Draining,

    /// <summary>A fault of ours.</summary>
    Fault,
}

/// <summary>What the close frame says of each end.</summary>
internal static class SocketEnds
{
    // RFC 6455's registry: "service restart". The framework's enum lacks it.
    private const WebSocketCloseStatus ServiceRestart = (WebSocketCloseStatus)1012;

    /// <summary>Status and reason; RFC 6455 gives a reason at most 123 bytes.</summary>
    public static (WebSocketCloseStatus Status, string Reason) CloseFrame(
        this SocketEnd end, EvergrainOptions options, int frameBytesMax) => end switch
    {
        SocketEnd.FrameStalled => (WebSocketCloseStatus.PolicyViolation,
            $"The message did not end within FrameTimeout, {options.FrameTimeout.TotalSeconds:0.###} s."),
        SocketEnd.FrameOverLong => (WebSocketCloseStatus.MessageTooBig,
            $"The message is longer than FrameBytesMax, {frameBytesMax} bytes."),
        SocketEnd.Flooded => (WebSocketCloseStatus.PolicyViolation,
            $"Over {FrameRate.FramesMax} control frames, tiny pieces, cancels or unusable messages came in a second."),
        SocketEnd.LifetimeOver => (WebSocketCloseStatus.EndpointUnavailable, "The connection's lifetime is over."),
        SocketEnd.Draining => (ServiceRestart, "The server restarts."),
        SocketEnd.Fault => (WebSocketCloseStatus.InternalServerError, "The server made a mistake."),
        _ => (WebSocketCloseStatus.NormalClosure, ""),
    };
}
