using System.Globalization;

namespace Evergrain.Cluster.Tests.Faults;

/// <summary>A process's counters and gauges at one moment, each the sum over its labels.</summary>
internal sealed class Metrics
{
    // What the exporter adds to the name of a counter.
    private const string CounterSuffix = "_total";

    private readonly Dictionary<string, double> _values = new(StringComparer.Ordinal);

    /// <summary>What an instrument says, by its name with dots; 0 if it said nothing yet.</summary>
    public double this[string instrument] =>
        _values.GetValueOrDefault(instrument.Replace('.', '_'));

    public static Metrics Parse(string text)
    {
        var metrics = new Metrics();
        foreach (var line in text.Split('\n').Where(static line => line.Length > 0 && line[0] != '#'))
        {
            var end = line.LastIndexOf(' ');
            var name = line[..end].Split('{')[0];
            name = name.EndsWith(CounterSuffix, StringComparison.Ordinal) ? name[..^CounterSuffix.Length] : name;
            metrics._values[name] = metrics._values.GetValueOrDefault(name) +
                double.Parse(line[(end + 1)..], CultureInfo.InvariantCulture);
        }

        return metrics;
    }
}
