using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Turns;

/// <summary>How a turn came to this life of its conversation. The default: it came to an earlier one.</summary>
/// <param name="Connection">By what connection.</param>
/// <param name="Lease">The connection's own; it tells two of them apart, and is shown to nobody.</param>
/// <param name="IsOther">Whether the turn that it continues came by another connection.</param>
internal readonly record struct TurnArrival(TurnConnection Connection, LeaseId Lease, bool IsOther)
{
    private bool IsSocket => Connection is TurnConnection.Socket or TurnConnection.NewSocket;

    /// <summary>That of a turn that starts.</summary>
    /// <param name="start">The turn.</param>
    /// <param name="parent">The turn that it continues; null: none.</param>
    public static TurnArrival Of(StartTurn start, Turn? parent)
    {
        var arrival = new TurnArrival(start.Connection, start.Lease, IsOther: false);
        return arrival with { IsOther = parent is not null && arrival.IsOtherThan(parent.Arrival) };
    }

    // Each request of HTTP stands alone: two of them are no change. Of a turn that came to an earlier life nothing is
    // known, but a WebSocket that has brought no turn yet did not bring that one.
    private bool IsOtherThan(TurnArrival before) => before.Connection == TurnConnection.Unknown
        ? Connection == TurnConnection.NewSocket
        : Connection != TurnConnection.Unknown && Lease != before.Lease && (IsSocket || before.IsSocket);
}
