namespace Evergrain.Frontend.Admission;

/// <summary>
/// What one request holds of the <see cref="ByteBudget"/>. It grows by one call at a time; disposing it gives
/// everything back, and it may grow again.
/// </summary>
internal sealed class ByteCharge(ByteBudget budget, ByteTenant tenant) : IDisposable
{
    public ByteTenant Tenant { get; } = tenant;

    /// <summary>Bytes held; guarded by the budget.</summary>
    public long Bytes { get; set; }

    /// <summary>How long it has waited: its steps share one <see cref="AdmissionOptions.QueueTimeout"/>.</summary>
    public TimeSpan Waited { get; set; }

    /// <summary>Holds at least so many bytes in all, as soon as there is room.</summary>
    /// <exception cref="Conversations.Ports.ConversationException">There was none in time; what it holds stays
    /// its own.</exception>
    public ValueTask GrowAsync(long bytes, CancellationToken cancellationToken) => bytes > Bytes
        ? budget.GrowAsync(this, bytes - Bytes, cancellationToken)
        : ValueTask.CompletedTask;

    public void Dispose() => budget.Release(this);
}

/// <summary>One tenant's requests. Kept for good: API keys name all that there can be.</summary>
internal sealed class ByteTenant(TenantBounds bounds, TimeProvider time)
{
    public TenantBounds Bounds { get; set; } = bounds;

    /// <summary>Bytes that its requests hold.</summary>
    public long Held { get; set; }

    /// <summary>First come first served.</summary>
    public LinkedList<ByteWaiter> Waiters { get; } = new();

    /// <summary>Bytes that those ask for.</summary>
    public long Asked { get; set; }

    /// <summary>Bytes given back.</summary>
    public Throughput Freed { get; } = new(time);
}

/// <summary>One step that waits. It ends once, by whoever takes it out of its line under the budget's lock.</summary>
internal sealed class ByteWaiter(ByteCharge charge, long more)
    : TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)
{
    public ByteCharge Charge { get; } = charge;

    public long More { get; } = more;

    /// <summary>Its place in the line; null once it was taken out.</summary>
    public LinkedListNode<ByteWaiter>? Node { get; set; }
}
