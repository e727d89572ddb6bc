namespace Evergrain.Load.Server;

/// <summary>Starts the embedded server with a fresh data directory, or over a database.</summary>
internal static class EmbeddedStart
{
    /// <summary>Starts it with the demo model, and waits until it is ready.</summary>
    /// <exception cref="InvalidOperationException">It ended, or was not ready in time.</exception>
    public static Task<ServerProcess> StartServerAsync(this LoadOptions options, CancellationToken cancellationToken) =>
        options.StartServerAsync(["--model", "demo"], cancellationToken);

    /// <summary>Starts it with these arguments as well, and waits until it is ready.</summary>
    /// <exception cref="InvalidOperationException">It ended, or was not ready in time.</exception>
    public static Task<ServerProcess> StartServerAsync(this LoadOptions options, IReadOnlyList<string> more,
        CancellationToken cancellationToken)
    {
        var data = options.JournalUrl is null
            ? Path.Combine(options.Data, $"load-data-{Environment.ProcessId}-{ServerProcess.FreePort()}")
            : null;
        string[] journal = data is null ? ["--journal-url", options.JournalUrl!] : ["--data", data];
        return ServerProcess.StartAsync(new ServerStart(options.Server, [.. journal, .. more])
        {
            Data = data,
            Settings = options.Settings,
            Variables = options.Collector is { } collector ? Exporting(collector) : new Dictionary<string, string>(),
        }, cancellationToken);
    }

    // Each span is sampled, and metrics leave each second rather than each minute.
    private static Dictionary<string, string> Exporting(string collector) => new(StringComparer.Ordinal)
    {
        ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector,
        ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
        ["OTEL_METRIC_EXPORT_INTERVAL"] = "1000",
    };
}
