using Evergrain.Conversations.Ports;

namespace Evergrain.Frontend.Admission;

/// <summary>One tenant at the gate. Kept for good: API keys name all that there can be.</summary>
internal sealed class TurnTenant(TenantBounds bounds)
{
    public TenantBounds Bounds { get; set; } = bounds;

    /// <summary>A line for each backend that it has asked for.</summary>
    public List<TurnLine> Lines { get; } = [];

    public int Running { get; set; }

    public int Waiting { get; set; }

    /// <summary>The number of the last place it was given; 0: none yet.</summary>
    public long Served { get; set; }
}

/// <summary>One backend's servers at the gate; null stands for models that no backend serves.</summary>
internal sealed class TurnServers(IModelBackend? backend)
{
    public IModelBackend? Backend { get; } = backend;

    public int Running { get; set; }

    /// <summary>At least one: with none, turns would wait for a place that no turn gives back.</summary>
    public int CallsMax => Backend is null ? int.MaxValue : Math.Max(1, Backend.CallsMax);
}

/// <summary>One tenant's turns for one backend, first come first served.</summary>
internal sealed class TurnLine(TurnTenant tenant, TurnServers servers, TimeProvider time)
{
    public TurnTenant Tenant { get; } = tenant;

    public TurnServers Servers { get; } = servers;

    public LinkedList<TurnWaiter> Waiters { get; } = new();

    /// <summary>Turns that run.</summary>
    public int Running { get; set; }

    /// <summary>Places given.</summary>
    public Throughput Given { get; } = new(time);
}

/// <summary>
/// One turn that waits. It ends once, by whoever takes it out of its line under the gate's lock, and goes on elsewhere.
/// </summary>
internal sealed class TurnWaiter(TurnLine line, long number)
    : TaskCompletionSource<TurnPlace>(TaskCreationOptions.RunContinuationsAsynchronously)
{
    public TurnLine Line { get; } = line;

    /// <summary>How many came to wait before it, in all.</summary>
    public long Number { get; } = number;

    /// <summary>Its place in the line; null once it was taken out.</summary>
    public LinkedListNode<TurnWaiter>? Node { get; set; }
}

/// <summary>The right to run one turn; disposing it, once or more often, gives it back.</summary>
internal sealed class TurnPlace(TurnGate gate, TurnLine line) : IDisposable
{
    private TurnLine? _line = line;

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _line, null) is { } held)
        {
            gate.Leave(held);
        }
    }
}
