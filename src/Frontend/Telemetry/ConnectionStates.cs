using System.Diagnostics.Metrics;

namespace Evergrain.Frontend.Telemetry;

/// <summary>What an open WebSocket does. The names, in lower case, are what metrics show.</summary>
internal enum ConnectionState
{
    /// <summary>No turn of it runs.</summary>
    Idle,

    /// <summary>A turn of it runs, or waits for its place.</summary>
    Turn,

    /// <summary>Its end has begun.</summary>
    Closing,
}

/// <summary>
/// Counts open WebSockets by what they do. A connection keeps its own state, and two of its loops change it. A change
/// takes three atomic operations, and the sum is made when somebody asks.
/// </summary>
internal sealed class ConnectionStates
{
    private static readonly KeyValuePair<string, object?>[] Labels =
        [new("state", "idle"), new("state", "turn"), new("state", "closing")];

    private readonly long[] _open = new long[Labels.Length];

    public ConnectionStates(Meter meter) => meter.CreateObservableUpDownCounter<long>(
        "evergrain.connections.held", Read, "{connection}", "WebSockets that are open, by state.");

    /// <summary>One is open, and idle.</summary>
    public void Open() => Interlocked.Increment(ref _open[(int)ConnectionState.Idle]);

    /// <summary>One is gone.</summary>
    /// <param name="state">The state that it was in.</param>
    public void End(int state) => Interlocked.Decrement(ref _open[state]);

    /// <summary>Notes that a state ends and another begins. Nothing happens where it has ended already.</summary>
    public void Change(ref int state, ConnectionState from, ConnectionState to)
    {
        if (Interlocked.CompareExchange(ref state, (int)to, (int)from) == (int)from)
        {
            Interlocked.Increment(ref _open[(int)to]);
            Interlocked.Decrement(ref _open[(int)from]);
        }
    }

    /// <summary>Notes that the end has begun, whatever the state was.</summary>
    public void Close(ref int state)
    {
        var from = Interlocked.Exchange(ref state, (int)ConnectionState.Closing);
        Interlocked.Increment(ref _open[(int)ConnectionState.Closing]);
        Interlocked.Decrement(ref _open[from]);
    }

    private IEnumerable<Measurement<long>> Read() => Labels.Select(
        (label, state) => new Measurement<long>(Interlocked.Read(ref _open[state]), label));
}
