using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Telemetry;

namespace Evergrain.Frontend.Admission;

/// <summary>
/// Gives turns a place to run: one of their tenant's, one of all, and one of their model's servers. Who finds none
/// waits in line up to <see cref="AdmissionOptions.QueueTimeout"/>.
/// </summary>
/// <remarks>
/// <para>Fair between tenants: a place goes to the one whose turns hold the least, by its weight, of what is scarcest
/// among what they hold; among equals to the one that has waited longest for its last. Within a tenant and a backend
/// it goes in order.</para>
/// <para>A place is held until the terminal event was delivered or the reader is gone. A stored turn whose reader left
/// runs on without one: how many calls a server really gets is bounded by its backend's own connections.</para>
/// <para>One lock guards everything, and nothing waits inside it. Giving a place looks once at each line that waits,
/// whatever its length; there are at most as many as tenants times backends.</para>
/// </remarks>
internal sealed class TurnGate
{
    private readonly ModelCatalog _models;
    private readonly AdmissionSettings _settings;
    private readonly AdmissionInstruments _instruments;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, TurnTenant> _tenants = new(StringComparer.Ordinal);
    private readonly List<TurnServers> _servers = [];
    private readonly HashSet<TurnLine> _lines = [];
    private AdmissionOptions _all;
    private int _running;
    private int _waiting;
    private long _served;
    private long _queued;

    public TurnGate(ModelCatalog models, AdmissionSettings settings, AdmissionInstruments instruments,
        TimeProvider time)
    {
        (_models, _settings, _instruments, _time) = (models, settings, instruments, time);
        _all = settings.Current.All;
        settings.OnChange(Refresh);
        instruments.ObserveWaitingTurns(() => Waiting);
    }

    /// <summary>The bounds per minute, which a turn passes before it asks for a place.</summary>
    public required RateGate Rates { get; init; }

    /// <summary>Turns that have a place.</summary>
    public int Running => Volatile.Read(ref _running);

    /// <summary>Turns in line.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    /// <summary>Takes a place if one is free and nobody of its line waits for it; null otherwise.</summary>
    public TurnPlace? TryEnter(string tenant, string? model)
    {
        var backend = model is null ? null : _models.Find(model);
        lock (_gate)
        {
            var line = LineOf(tenant, backend);
            return line.Waiters.Count == 0 && FullFor(line) is null ? Take(line) : null;
        }
    }

    /// <summary>Waits for a place.</summary>
    /// <param name="tenant">Whose turn it is.</param>
    /// <param name="model">The model's name. One that is not served needs no place of a server: it will be
    /// refused.</param>
    /// <param name="cancellationToken">Takes the turn out of its line at once.</param>
    /// <exception cref="ConversationException">
    /// There was none in time, or too many wait; <see cref="Refusal.RetryAfter"/> is how long the line takes now.
    /// </exception>
    public ValueTask<TurnPlace> EnterAsync(string tenant, string? model, CancellationToken cancellationToken)
    {
        var backend = model is null ? null : _models.Find(model);
        TurnWaiter waiter;
        TimeSpan timeout;
        lock (_gate)
        {
            var line = LineOf(tenant, backend);
            if (line.Waiters.Count == 0 && FullFor(line) is null)
            {
                return new ValueTask<TurnPlace>(Take(line));
            }

            if (TooManyWait(line) is { } bound)
            {
                return ValueTask.FromException<TurnPlace>(Refuse(line, bound));
            }

            waiter = Queue(line);
            timeout = _all.QueueTimeout;
        }

        return WaitAsync(waiter, timeout, cancellationToken);
    }

    /// <summary>Takes a place back and gives it to who waits for it.</summary>
    internal void Leave(TurnLine line)
    {
        lock (_gate)
        {
            line.Running--;
            line.Tenant.Running--;
            line.Servers.Running--;
            _running--;
            Give();
        }
    }

    private async ValueTask<TurnPlace> WaitAsync(TurnWaiter waiter, TimeSpan timeout,
        CancellationToken cancellationToken)
    {
        await using var timer = _time.CreateTimer(_ => TimeOut(waiter), null, timeout, Timeout.InfiniteTimeSpan);
        await using var cancelling = cancellationToken.UnsafeRegister(
            (_, token) => GiveUp(waiter, new OperationCanceledException(token)), null);
        return await waiter.Task;
    }

    private void TimeOut(TurnWaiter waiter)
    {
        lock (_gate)
        {
            // A backend may take more calls than when the last place was given; who is left has something full.
            Give();
            if (waiter.Node is not null && FullFor(waiter.Line) is { } bound)
            {
                GiveUp(waiter, Refuse(waiter.Line, bound));
            }
        }
    }

    private void GiveUp(TurnWaiter waiter, Exception why)
    {
        lock (_gate)
        {
            if (waiter.Node is not null)
            {
                Unqueue(waiter);
                waiter.SetException(why);
            }
        }
    }

    private void Refresh()
    {
        lock (_gate)
        {
            var bounds = _settings.Current;
            _all = bounds.All;
            foreach (var (name, tenant) in _tenants)
            {
                tenant.Bounds = bounds.Of(name);
            }

            Give();
        }
    }

    private TurnWaiter Queue(TurnLine line)
    {
        var waiter = new TurnWaiter(line, ++_queued);
        waiter.Node = line.Waiters.AddLast(waiter);
        _lines.Add(line);
        line.Tenant.Waiting++;
        _waiting++;
        return waiter;
    }

    private void Unqueue(TurnWaiter waiter)
    {
        var line = waiter.Line;
        line.Waiters.Remove(waiter.Node!);
        waiter.Node = null;
        line.Tenant.Waiting--;
        _waiting--;
        if (line.Waiters.Count == 0)
        {
            _lines.Remove(line);
        }
    }

    private TurnPlace Take(TurnLine line)
    {
        line.Running++;
        line.Tenant.Running++;
        line.Servers.Running++;
        _running++;
        line.Tenant.Served = ++_served;
        line.Given.Add(1);
        return new TurnPlace(this, line);
    }

    private void Give()
    {
        while (_running < _all.RunningTurnsMax && FindNext() is { } line)
        {
            var waiter = line.Waiters.First!.Value;
            Unqueue(waiter);
            waiter.SetResult(Take(line));
        }
    }

    private TurnLine? FindNext()
    {
        TurnLine? next = null;
        (double Share, long Served, long Number) least = default;
        foreach (var line in _lines)
        {
            if (FullFor(line) is null)
            {
                var rank = (ShareWithOneMore(line), line.Tenant.Served, line.Waiters.First!.Value.Number);
                (next, least) = next is null || rank.CompareTo(least) < 0 ? (line, rank) : (next, least);
            }
        }

        return next;
    }

    // Of all places, or of the servers': where a tenant holds more. So a tenant that runs much on one model does not
    // stand last in line for another, and two models' places are not twice a share.
    private double ShareWithOneMore(TurnLine line) => Math.Max(
        (line.Tenant.Running + 1.0) / _all.RunningTurnsMax,
        (line.Running + 1.0) / line.Servers.CallsMax) / line.Tenant.Bounds.Weight;

    /// <summary>The bound that keeps a line waiting; null if a turn of it may run.</summary>
    private AdmissionBound? FullFor(TurnLine line)
    {
        if (line.Tenant.Running >= line.Tenant.Bounds.RunningTurnsMax)
        {
            return AdmissionBound.TenantRunning;
        }

        if (line.Servers.Running >= line.Servers.CallsMax)
        {
            return AdmissionBound.ModelCalls;
        }

        return _running >= _all.RunningTurnsMax ? AdmissionBound.ServerRunning : null;
    }

    private AdmissionBound? TooManyWait(TurnLine line)
    {
        if (line.Tenant.Waiting >= line.Tenant.Bounds.WaitingTurnsMax)
        {
            return AdmissionBound.TenantWaiting;
        }

        return _waiting >= _all.WaitingTurnsMax ? AdmissionBound.ServerWaiting : null;
    }

    private ConversationException Refuse(TurnLine line, AdmissionBound bound)
    {
        var max = bound switch
        {
            AdmissionBound.TenantRunning => line.Tenant.Bounds.RunningTurnsMax,
            AdmissionBound.ModelCalls => line.Servers.CallsMax,
            AdmissionBound.TenantWaiting => line.Tenant.Bounds.WaitingTurnsMax,
            AdmissionBound.ServerWaiting => _all.WaitingTurnsMax,
            _ => _all.RunningTurnsMax,
        };
        _instruments.TurnRefused(bound);

        // It would come back behind those that wait now.
        var retryAfter = line.Given.TimeFor(Math.Max(1, line.Waiters.Count), _all.QueueTimeout);
        return new ConversationException(bound.Refuse(max, retryAfter));
    }

    private TurnLine LineOf(string name, IModelBackend? backend)
    {
        if (!_tenants.TryGetValue(name, out var tenant))
        {
            tenant = new TurnTenant(_settings.Current.Of(name));
            _tenants.Add(name, tenant);
        }

        foreach (var known in tenant.Lines)
        {
            if (ReferenceEquals(known.Servers.Backend, backend))
            {
                return known;
            }
        }

        var line = new TurnLine(tenant, ServersOf(backend), _time);
        tenant.Lines.Add(line);
        return line;
    }

    private TurnServers ServersOf(IModelBackend? backend)
    {
        if (_servers.Find(servers => ReferenceEquals(servers.Backend, backend)) is { } known)
        {
            return known;
        }

        var added = new TurnServers(backend);
        _servers.Add(added);
        return added;
    }
}
