using System.Diagnostics.Metrics;

namespace Evergrain.Suites.Hosts;

/// <summary>What a host's counters say, and a way to wait until they say it.</summary>
public sealed class HostCounts : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, long> _totals = [];
    private readonly List<(string Name, long Total, TaskCompletionSource Reached)> _awaited = [];
    private readonly List<MeterListener> _listeners = [];

    /// <summary>Counts what is measured with these meters from now on.</summary>
    public void Follow(IMeterFactory meters)
    {
        var following = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Scope == meters)
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        following.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
        {
            Add(instrument.Name, value);
            foreach (var tag in tags)
            {
                Add($"{instrument.Name} {tag.Value}", value);
            }
        });
        following.Start();
        _listeners.Add(following);
    }

    public long Activated => Total("evergrain.conversations.activated");

    public long Passivated => Total("evergrain.conversations.passivated");

    public long Claimed => Total("evergrain.conversations.claimed");

    public long Lost => Total("evergrain.conversations.lost");

    public long Shortened => Total("evergrain.conversations.shortened");

    /// <summary>Histories that creates brought along, by what became of them.</summary>
    public long Histories(string outcome) => Total($"evergrain.histories.received {outcome}");

    /// <summary>Conversations of before that were indexed.</summary>
    public long Filled => Total("evergrain.histories.filled");

    /// <summary>Histories that would be recognised.</summary>
    public long Indexed => Total("evergrain.histories.indexed");

    /// <summary>Items that were validated.</summary>
    public long Validated => Total("evergrain.items.validated");

    /// <summary>Items that were rendered.</summary>
    public long Rendered => Total("evergrain.items.rendered");

    public long Warm => Total("evergrain.conversations.warm");

    /// <summary>Ends when so many conversations have been passivated in all.</summary>
    public Task PassivatedAsync(long total) => ReachedAsync("evergrain.conversations.passivated", total);

    /// <summary>Ends when no more conversations are warm than so many.</summary>
    public async Task WarmAsync(long most)
    {
        using var patience = new CancellationTokenSource(Waits.Patience);
        while (Warm > most)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, patience.Token);
        }
    }

    public void Dispose() => _listeners.ForEach(static listener => listener.Dispose());

    private long Total(string name)
    {
        lock (_gate)
        {
            return _totals.GetValueOrDefault(name);
        }
    }

    private Task ReachedAsync(string name, long total)
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            if (_totals.GetValueOrDefault(name) >= total)
            {
                return Task.CompletedTask;
            }

            _awaited.Add((name, total, reached));
        }

        return reached.Task.WaitAsync(Waits.Patience);
    }

    private void Add(string name, long value)
    {
        lock (_gate)
        {
            var total = _totals[name] = _totals.GetValueOrDefault(name) + value;
            foreach (var awaited in _awaited.Where(awaited => awaited.Name == name && total >= awaited.Total))
            {
                awaited.Reached.TrySetResult();
            }
        }
    }
}
