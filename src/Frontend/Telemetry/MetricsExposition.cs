using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Evergrain.Frontend.Telemetry;

/// <summary>
/// <c>GET /metrics</c>: this server's instruments and the runtime's, as Prometheus text. Dots in names become
/// underscores; units are the instruments' own (seconds, bytes).
/// </summary>
/// <remarks>Instruments made through another <see cref="IMeterFactory"/> belong to another server and are not shown.
/// Source: Prometheus text exposition format 0.0.4.</remarks>
internal sealed class MetricsExposition : IDisposable
{
    private const string ContentType = "text/plain; version=0.0.4; charset=utf-8";
    private static readonly string[] RuntimePrefixes = ["dotnet.gc.", "dotnet.process.", "dotnet.thread_pool."];

    private readonly IMeterFactory _meters;
    private readonly MeterListener _listener = new();
    private readonly ConcurrentDictionary<string, MetricSeries> _series = new(StringComparer.Ordinal);

    public MetricsExposition(IMeterFactory meters)
    {
        _meters = meters;
        _listener.InstrumentPublished = Enable;
        _listener.SetMeasurementEventCallback<int>(static (_, value, tags, series) => Record(value, tags, series));
        _listener.SetMeasurementEventCallback<long>(static (_, value, tags, series) => Record(value, tags, series));
        _listener.SetMeasurementEventCallback<double>(static (_, value, tags, series) => Record(value, tags, series));
        _listener.Start();
    }

    public Task WriteAsync(HttpContext context)
    {
        _listener.RecordObservableInstruments();
        var text = new StringBuilder();
        foreach (var name in _series.Keys.Order(StringComparer.Ordinal))
        {
            _series[name].Write(text);
        }

        context.Response.ContentType = ContentType;
        return context.Response.WriteAsync(text.ToString(), context.RequestAborted);
    }

    public void Dispose() => _listener.Dispose();

    private void Enable(Instrument instrument, MeterListener listener)
    {
        var isOurs = instrument.Meter.Name == FrontendInstruments.MeterName && instrument.Meter.Scope == _meters;
        if (isOurs || IsRuntime(instrument))
        {
            var series = _series.GetOrAdd(instrument.Name,
                static (_, published) => new MetricSeries(published, IsHistogram(published)), instrument);
            listener.EnableMeasurementEvents(instrument, series);
        }
    }

    private static bool IsRuntime(Instrument instrument) => instrument.Meter.Name == "System.Runtime" &&
        RuntimePrefixes.Any(prefix => instrument.Name.StartsWith(prefix, StringComparison.Ordinal));

    private static bool IsHistogram(Instrument instrument) =>
        instrument is Histogram<double> or Histogram<long> or Histogram<int>;

    private static void Record(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? series) =>
        ((MetricSeries)series!).Record(value, tags);
}
