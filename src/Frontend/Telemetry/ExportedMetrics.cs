using System.Diagnostics.Metrics;
using OpenTelemetry.Metrics;

namespace Evergrain.Frontend.Telemetry;

/// <summary>
/// Which instruments are exported, with which bounds: this server's own, some of the runtime's, and those of Orleans'
/// that cost nothing between two looks at them.
/// </summary>
/// <remarks>Instruments made through another <see cref="IMeterFactory"/> belong to another server of the process and
/// are not shown.</remarks>
/// <param name="meters">This server's factory.</param>
internal sealed class ExportedMetrics(IMeterFactory meters)
{
    /// <summary>The runtime's meter.</summary>
    public const string Runtime = "System.Runtime";

    /// <summary>Orleans' meter, and the beginning of the names of its sources.</summary>
    public const string Orleans = "Microsoft.Orleans";

    /// <summary>Threads of the thread pool.</summary>
    public const string Threads = "dotnet.thread_pool.threads";

    /// <summary>Work that waits for them.</summary>
    public const string QueueLength = "dotnet.thread_pool.queue.length";

    // Labels are closed sets of ours. A mistake that makes them open must not grow the server: the SDK takes memory for
    // all of them at once. Labels of model calls are names, and hold 50 of each.
    private const int SeriesMax = 128;
    private const int NamedSeriesMax = 512;

    // Prometheus takes a name that ends in _count for a part of a histogram.
    private const string RuntimeThreads = "dotnet.thread_pool.thread.count";
    private const string RuntimeProcessors = "dotnet.process.cpu.count";
    private const string Processors = "dotnet.process.cpus";

    private static readonly string[] RuntimePrefixes = ["dotnet.gc.", "dotnet.process.", "dotnet.thread_pool."];

    // Seconds: from an append's fsync to a long model stream.
    private static readonly double[] Bounds =
        [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

    /// <summary>How an instrument is exported.</summary>
    public MetricStreamConfiguration View(Instrument instrument)
    {
        if (!IsExported(instrument))
        {
            return MetricStreamConfiguration.Drop;
        }

        var view = instrument is Histogram<double> or Histogram<long> or Histogram<int>
            ? new ExplicitBucketHistogramConfiguration { Boundaries = Bounds }
            : new MetricStreamConfiguration();
        view.Name = instrument.Name == RuntimeProcessors ? Processors : null;
        view.CardinalityLimit = instrument.Name.StartsWith("gen_ai.", StringComparison.Ordinal)
            ? NamedSeriesMax
            : SeriesMax;
        view.Description = string.IsNullOrEmpty(instrument.Description)
            ? $"{instrument.Name} of {instrument.Meter.Name}."
            : instrument.Description;
        return view;
    }

    private bool IsExported(Instrument instrument) => instrument.Meter.Name switch
    {
        FrontendInstruments.MeterName => instrument.Meter.Scope == meters,
        Runtime => instrument.Name is not (RuntimeThreads or QueueLength) &&
            RuntimePrefixes.Any(prefix => instrument.Name.StartsWith(prefix, StringComparison.Ordinal)),

        // Prometheus counts in bytes, and the runtime's own instruments say the same.
        _ => instrument is { IsObservable: true, Unit: not "MB" },
    };
}
