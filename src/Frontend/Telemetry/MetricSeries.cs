using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace Evergrain.Frontend.Telemetry;

/// <summary>One instrument's series: a value or a histogram for each distinct set of tags.</summary>
internal sealed class MetricSeries(Instrument instrument, bool isHistogram)
{
    // Tags are closed sets of ours; a mistake that makes them open must not grow the server.
    private const int SeriesMax = 128;

    // Seconds: from an append's fsync to a long model stream.
    private static readonly double[] Bounds =
        [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

    private readonly Lock _gate = new();
    private readonly List<Series> _series = [];
    private readonly string _name = instrument.Name.Replace('.', '_').Replace('-', '_');

    public void Record(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        lock (_gate)
        {
            if (Find(tags) is not { } series)
            {
                return;
            }

            if (series.Buckets is { } buckets)
            {
                var bucket = Array.BinarySearch(Bounds, value);
                buckets[bucket < 0 ? ~bucket : bucket]++;
                series.Count++;
                series.Value += value;
            }
            else
            {
                // An observed instrument reports its total, the others what was added.
                series.Value = instrument.IsObservable ? value : series.Value + value;
            }
        }
    }

    public void Write(StringBuilder text)
    {
        lock (_gate)
        {
            if (_series.Count == 0)
            {
                return;
            }

            text.Append("# TYPE ").Append(_name).Append(' ').Append(Kind()).Append('\n');
            foreach (var series in _series)
            {
                WriteSeries(text, series);
            }
        }
    }

    private Series? Find(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        foreach (var series in _series)
        {
            if (tags.SequenceEqual(series.Tags))
            {
                return series;
            }
        }

        if (_series.Count >= SeriesMax)
        {
            return null;
        }

        var added = new Series(tags.ToArray(), isHistogram ? new long[Bounds.Length + 1] : null);
        _series.Add(added);
        return added;
    }

    private string Kind()
    {
        var type = instrument.GetType();
        var isSum = type.IsGenericType &&
            (type.GetGenericTypeDefinition() == typeof(Counter<>) ||
            type.GetGenericTypeDefinition() == typeof(ObservableCounter<>));
        return isHistogram ? "histogram" : isSum ? "counter" : "gauge";
    }

    private void WriteSeries(StringBuilder text, Series series)
    {
        if (series.Buckets is not { } buckets)
        {
            WriteLine(text, "", series.Tags, null, series.Value);
            return;
        }

        long total = 0;
        for (var i = 0; i < buckets.Length; i++)
        {
            total += buckets[i];
            var bound = i < Bounds.Length ? Bounds[i].ToString(CultureInfo.InvariantCulture) : "+Inf";
            WriteLine(text, "_bucket", series.Tags, bound, total);
        }

        WriteLine(text, "_sum", series.Tags, null, series.Value);
        WriteLine(text, "_count", series.Tags, null, series.Count);
    }

    private void WriteLine(StringBuilder text, string suffix, KeyValuePair<string, object?>[] tags, string? bound,
        double value)
    {
        text.Append(_name).Append(suffix);
        var divider = '{';
        foreach (var tag in tags)
        {
            WriteLabel(text, divider, tag.Key.Replace('.', '_'), $"{tag.Value}");
            divider = ',';
        }

        if (bound is not null)
        {
            WriteLabel(text, divider, "le", bound);
            divider = ',';
        }

        text.Append(divider == ',' ? "} " : " ").Append(value.ToString(CultureInfo.InvariantCulture)).Append('\n');
    }

    private static void WriteLabel(StringBuilder text, char divider, string name, string value) =>
        text.Append(divider).Append(name).Append("=\"")
            .Append(value.Replace("\\", "\\\\").Replace("\"", "\\\"").Replace("\n", "\\n")).Append('"');

    private sealed class Series(KeyValuePair<string, object?>[] tags, long[]? buckets)
    {
        public KeyValuePair<string, object?>[] Tags { get; } = tags;

        public long[]? Buckets { get; } = buckets;

        public long Count { get; set; }

        public double Value { get; set; }
    }
}
