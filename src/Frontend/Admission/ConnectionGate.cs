using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Telemetry;

namespace Evergrain.Frontend.Admission;

/// <summary>
/// Bounds open sockets, by tenant and in all. There is no line: an upgrade that waits holds a socket as well.
/// </summary>
internal sealed class ConnectionGate
{
    /// <summary>
    /// When a refused upgrade may be tried again. Codex waits out whatever it is told, five times, before it goes on
    /// over HTTP, where there may be room: a longer time only lets its user wait. Without a time it gives up at once.
    /// </summary>
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    private readonly AdmissionSettings _settings;
    private readonly AdmissionInstruments _instruments;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, int> _tenants = new(StringComparer.Ordinal);
    private int _open;

    public ConnectionGate(AdmissionSettings settings, AdmissionInstruments instruments)
    {
        (_settings, _instruments) = (settings, instruments);
        instruments.ObserveAllowedConnections(() => settings.Current.All.ConnectionsMax);
    }

    /// <summary>Counts a socket until what is returned is disposed.</summary>
    /// <exception cref="ConversationException">There are as many as there may be.</exception>
    public IDisposable Enter(string tenant)
    {
        var bounds = _settings.Current;
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
            if (--_tenants[tenant] == 0)
            {
                _tenants.Remove(tenant);
            }
        }
    }

    private ConversationException Refuse(AdmissionBound bound, int max)
    {
        _instruments.ConnectionRefused(bound);
        return new ConversationException(bound.Refuse(max, RetryAfter));
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
