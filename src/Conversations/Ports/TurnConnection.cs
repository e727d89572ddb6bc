namespace Evergrain.Conversations.Ports;

/// <summary>By what connection a create came to its first process.</summary>
public enum TurnConnection
{
    /// <summary>A process of an earlier build did not say.</summary>
    Unknown,

    /// <summary>A request of HTTP, which brings one create.</summary>
    Http,

    /// <summary>A WebSocket that has brought a turn before.</summary>
    Socket,

    /// <summary>A WebSocket that has brought none.</summary>
    NewSocket,
}
