using System.Diagnostics.Metrics;
using Evergrain.Suites.Hosts;

namespace Evergrain.Cluster.Tests.Moving;

/// <summary>What the counters of all silos of a process say together.</summary>
internal sealed class SiloCounts : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, long> _totals = [];
    private readonly MeterListener _listener = new();

    public SiloCounts()
    {
        _listener.InstrumentPublished = static (instrument, listener) =>
        {
            if (instrument.Meter.Name == "Evergrain")
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, _, _) =>
        {
            lock (_gate)
            {
                _totals[instrument.Name] = _totals.GetValueOrDefault(instrument.Name) + value;
            }
        });
        _listener.Start();
    }

    public long Dehydrated => Total("evergrain.conversations.dehydrated");

    public long Rehydrated => Total("evergrain.conversations.rehydrated");

    public long Warm => Total("evergrain.conversations.warm");

    public long WarmBytes => Total("evergrain.bytes.warm");

    public long Activated => Total("evergrain.conversations.activated");

    public long Claimed => Total("evergrain.conversations.claimed");

    public long Rendered => Total("evergrain.items.rendered");

    public long Recovered => Total("evergrain.items.recovered");

    /// <summary>Ends when something that nothing announces is so.</summary>
    public static async Task UntilAsync(Func<bool> isSo)
    {
        using var patience = new CancellationTokenSource(Waits.Patience);
        while (!isSo())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, patience.Token);
        }
    }

    public void Dispose() => _listener.Dispose();

    private long Total(string name)
    {
        lock (_gate)
        {
            return _totals.GetValueOrDefault(name);
        }
    }
}
