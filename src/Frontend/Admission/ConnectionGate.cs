using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Telemetry;

namespace Evergrain.Frontend.Admission;

/// <summary>
/// Bounds open sockets, by tenant and in all. There is no line: an upgrade that waits holds a socket as well.
/// </summary>
internal sealed class ConnectionGate(AdmissionSettings settings, AdmissionInstruments instruments, TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, int> _tenants = new(StringComparer.Ordinal);
    private readonly Throughput _closed = new(time);
    private int _open;

    /// <summary>Counts a socket until what is returned is disposed.</summary>
    /// <exception cref="ConversationException">There are as many as there may be.</exception>
    public IDisposable Enter(string tenant)
    {
        var bounds = settings.Current;
        lock (_gate)
        {
            var own = _tenants.GetValueOrDefault(tenant);
            if (own >= bounds.Of(tenant).ConnectionsMax)
            {
                throw Refuse(AdmissionBound.TenantConnections, bounds.Of(tenant).ConnectionsMax);
            }

            if (_open >= bounds.All.ConnectionsMax)
            {
                throw Refuse(AdmissionBound.ServerConnections, bounds.All.ConnectionsMax);
            }

            _tenants[tenant] = own + 1;
            _open++;
        }

        return new Place(this, tenant);
    }

    private void Leave(string tenant)
    {
        lock (_gate)
        {
            _open--;
            _closed.Add(1);
            if (--_tenants[tenant] == 0)
            {
                _tenants.Remove(tenant);
            }
        }
    }

    private ConversationException Refuse(AdmissionBound bound, int max)
    {
        instruments.ConnectionRefused(bound);
        return new ConversationException(bound.Refuse(max,
            _closed.TimeFor(1, settings.Current.All.QueueTimeout)));
    }

    private sealed class Place(ConnectionGate gate, string tenant) : IDisposable
    {
        private string? _tenant = tenant;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _tenant, null) is { } held)
            {
                gate.Leave(held);
            }
        }
    }
}
