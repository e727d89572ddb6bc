using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Telemetry;

namespace Evergrain.Frontend.Admission;

/// <summary>
/// Bounds the bytes that requests hold from their receipt until their turn has started, by tenant and in all. Who
/// finds no room waits, and its client feels that it is not read, up to <see cref="AdmissionOptions.QueueTimeout"/>.
/// </summary>
/// <remarks>
/// A request's size is not known before it is read, so it is charged in steps as its buffer grows. Two that are half
/// read may so wait for each other: the first whose time is up is refused and makes room. A request that is alone, of
/// its tenant and in all, always passes. One lock guards everything, and nothing waits inside it.
/// </remarks>
internal sealed class ByteBudget
{
    private readonly AdmissionSettings _settings;
    private readonly AdmissionInstruments _instruments;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, ByteTenant> _tenants = new(StringComparer.Ordinal);
    private readonly HashSet<ByteTenant> _lines = [];
    private AdmissionOptions _all;
    private MemoryShares _memory;
    private long _held;
    private int _waiting;

    public ByteBudget(AdmissionSettings settings, AdmissionInstruments instruments, TimeProvider time)
    {
        (_settings, _instruments, _time) = (settings, instruments, time);
        (_all, _memory) = (settings.Current.All, settings.Current.Memory);
        settings.OnChange(Refresh);
        instruments.ObserveReceivedBytes(() => Held);
    }

    /// <summary>Bytes that are held now.</summary>
    public long Held => Interlocked.Read(ref _held);

    /// <summary>Requests that wait for room.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    /// <summary>Bytes of one request, whatever the settings of its transport say.</summary>
    public int RequestBytesMax => Volatile.Read(ref _memory).CreateBytesMax;

    /// <summary>Begins to charge one request; it holds nothing yet.</summary>
    public ByteCharge Open(string tenant)
    {
        lock (_gate)
        {
            if (!_tenants.TryGetValue(tenant, out var known))
            {
                known = new ByteTenant(_settings.Current.Of(tenant), _time);
                _tenants.Add(tenant, known);
            }

            return new ByteCharge(this, known);
        }
    }

    /// <summary>Charges an answer that is to be sent, at once: it is made already, so it cannot wait.</summary>
    /// <returns>What is disposed when it was sent.</returns>
    /// <exception cref="ConversationException">There is no room for it.</exception>
    public ByteCharge Hold(string tenant, long bytes)
    {
        var charge = Open(tenant);
        lock (_gate)
        {
            if (FullFor(charge, bytes) is not null)
            {
                throw Refuse(charge, bytes);
            }

            Take(charge, bytes);
        }

        return charge;
    }

    /// <summary>Lets a charge hold more; see <see cref="ByteCharge.GrowAsync"/>.</summary>
    internal ValueTask GrowAsync(ByteCharge charge, long more, CancellationToken cancellationToken)
    {
        ByteWaiter waiter;
        TimeSpan timeout;
        lock (_gate)
        {
            var line = charge.Tenant;
            if (line.Waiters.Count == 0 && FullFor(charge, more) is null)
            {
                Take(charge, more);
                return ValueTask.CompletedTask;
            }

            timeout = _all.QueueTimeout - charge.Waited;
            if (timeout <= TimeSpan.Zero || line.Waiters.Count >= line.Bounds.WaitingTurnsMax ||
                _waiting >= _all.WaitingTurnsMax)
            {
                return ValueTask.FromException(Refuse(charge, more));
            }

            waiter = new ByteWaiter(charge, more);
            waiter.Node = line.Waiters.AddLast(waiter);
            line.Asked += more;
            _lines.Add(line);
            _waiting++;
        }

        return WaitAsync(waiter, timeout, cancellationToken);
    }

    /// <summary>Takes everything back that a charge holds.</summary>
    internal void Release(ByteCharge charge)
    {
        lock (_gate)
        {
            if (charge.Bytes > 0)
            {
                charge.Tenant.Freed.Add(charge.Bytes);
                Take(charge, -charge.Bytes);
                Give();
            }
        }
    }

    private async ValueTask WaitAsync(ByteWaiter waiter, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var begun = _time.GetTimestamp();
        await using var timer = _time.CreateTimer(_ => TimeOut(waiter), null, timeout, Timeout.InfiniteTimeSpan);
        await using var cancelling = cancellationToken.UnsafeRegister(
            (_, token) => GiveUp(waiter, new OperationCanceledException(token)), null);
        try
        {
            await waiter.Task;
        }
        finally
        {
            waiter.Charge.Waited += _time.GetElapsedTime(begun);
        }
    }

    private void TimeOut(ByteWaiter waiter)
    {
        lock (_gate)
        {
            if (waiter.Node is not null)
            {
                GiveUp(waiter, Refuse(waiter.Charge, waiter.More));
            }
        }
    }

    private void GiveUp(ByteWaiter waiter, Exception why)
    {
        lock (_gate)
        {
            if (waiter.Node is not null)
            {
                Unqueue(waiter);
                waiter.SetException(why);

                // Its own step may have been all that kept those behind it.
                Give();
            }
        }
    }

    private void Refresh()
    {
        lock (_gate)
        {
            var bounds = _settings.Current;
            (_all, _memory) = (bounds.All, bounds.Memory);
            foreach (var (name, tenant) in _tenants)
            {
                tenant.Bounds = bounds.Of(name);
            }

            Give();
        }
    }

    private void Give()
    {
        while (FindNext() is { } waiter)
        {
            Unqueue(waiter);
            Take(waiter.Charge, waiter.More);
            waiter.SetResult();
        }
    }

    /// <summary>Of those whose step fits, the one of the tenant that holds the least.</summary>
    private ByteWaiter? FindNext()
    {
        ByteWaiter? next = null;
        foreach (var line in _lines)
        {
            var first = line.Waiters.First!.Value;
            if (FullFor(first.Charge, first.More) is null && (next is null || line.Held < next.Charge.Tenant.Held))
            {
                next = first;
            }
        }

        return next;
    }

    private void Unqueue(ByteWaiter waiter)
    {
        var line = waiter.Charge.Tenant;
        line.Waiters.Remove(waiter.Node!);
        waiter.Node = null;
        line.Asked -= waiter.More;
        _waiting--;
        if (line.Waiters.Count == 0)
        {
            _lines.Remove(line);
        }
    }

    private void Take(ByteCharge charge, long more)
    {
        charge.Bytes += more;
        charge.Tenant.Held += more;
        Interlocked.Add(ref _held, more);
    }

    private AdmissionBound? FullFor(ByteCharge charge, long more)
    {
        var tenant = charge.Tenant;
        if (tenant.Held > charge.Bytes && tenant.Held + more > tenant.Bounds.ReceivedBytesMax)
        {
            return AdmissionBound.TenantBytes;
        }

        return _held > charge.Bytes && _held + more > _memory.ReceivedBytesMax ? AdmissionBound.ServerBytes : null;
    }

    private ConversationException Refuse(ByteCharge charge, long more)
    {
        // Where it fits by itself, those of its tenant before it do not.
        var bound = FullFor(charge, more) ?? AdmissionBound.TenantBytes;
        var max = bound == AdmissionBound.TenantBytes
            ? charge.Tenant.Bounds.ReceivedBytesMax
            : _memory.ReceivedBytesMax;
        _instruments.RequestRefused(bound);
        return new ConversationException(bound.Refuse(max,
            charge.Tenant.Freed.TimeFor(Math.Max(more, charge.Tenant.Asked), _all.QueueTimeout)));
    }
}
