using System.Globalization;
using Microsoft.Extensions.Configuration;

namespace Evergrain.Frontend.Telemetry;

/// <summary>
/// Finds values of OpenTelemetry's own variables that mean nothing. Its library passes over most of them without a
/// word, and then sends elsewhere, or something else, or nothing.
/// </summary>
/// <remarks>A value is not repeated, since it may hold a key.</remarks>
internal static class TelemetryVariables
{
    private const string BatchSize = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", QueueSize = "OTEL_BSP_MAX_QUEUE_SIZE";
    private const int BatchDefault = 512, QueueDefault = 2048;

    private static readonly (string[] Names, Func<string, bool> Fits, string What)[] Rules =
    [
        (OfExporter("ENDPOINT"), IsAddress, "an address such as http://127.0.0.1:4317"),
        (OfExporter("PROTOCOL"), static value => value is "grpc" or "http/protobuf", "grpc or http/protobuf"),
        (OfExporter("COMPRESSION"), OneOf("gzip", "none"), "gzip or none"),
        (OfExporter("HEADERS"), IsListOfHeaders, "a list such as name=value,name=value"),
        (OfExporter("TIMEOUT"), IsAbove(0), "a number of milliseconds above 0"),
        (["OTEL_EXPORTER_OTLP_CERTIFICATE", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "OTEL_EXPORTER_OTLP_CLIENT_KEY"],
            File.Exists, "a file that is there"),
        (["OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"], OneOf("cumulative", "delta", "lowmemory"),
            "cumulative, delta or lowmemory"),
        (["OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION"],
            OneOf("explicit_bucket_histogram", "base2_exponential_bucket_histogram"),
            "explicit_bucket_histogram or base2_exponential_bucket_histogram"),
        (["OTEL_RESOURCE_ATTRIBUTES"], IsListOfPairs, "a list such as name=value,name=value"),
        (["OTEL_TRACES_SAMPLER"], OneOf("always_on", "always_off", "traceidratio", "parentbased_always_on",
            "parentbased_always_off", "parentbased_traceidratio"),
            "always_on, always_off or traceidratio, each also behind parentbased_"),
        (["OTEL_TRACES_SAMPLER_ARG"], IsRatio, "a number from 0 to 1"),
        (["OTEL_BSP_SCHEDULE_DELAY", "OTEL_BSP_EXPORT_TIMEOUT", "OTEL_METRIC_EXPORT_INTERVAL",
            "OTEL_METRIC_EXPORT_TIMEOUT"], IsAbove(0), "a number of milliseconds above 0"),
        ([BatchSize, QueueSize], IsAbove(0), "a number above 0"),
        (["OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
            "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_SPAN_EVENT_COUNT_LIMIT", "OTEL_SPAN_LINK_COUNT_LIMIT",
            "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT"], IsAbove(-1), "a number"),
        (["OTEL_SDK_DISABLED"], OneOf("true", "false"), "true or false"),
    ];

    /// <summary>One sentence for each value that means nothing.</summary>
    public static IReadOnlyList<string> FindMistakes(IConfiguration configuration)
    {
        var mistakes = Rules.SelectMany(rule => rule.Names
            .Where(name => configuration[name] is { Length: > 0 } value && !rule.Fits(value))
            .Select(name => $"{name} must be {rule.What}.")).ToList();
        var (batch, queue) = (Number(configuration[BatchSize], BatchDefault),
            Number(configuration[QueueSize], QueueDefault));
        if (batch > queue && mistakes.Count == 0)
        {
            mistakes.Add($"{BatchSize} must not be above {QueueSize}, which is {queue}.");
        }

        return mistakes;
    }

    private static string[] OfExporter(string what) =>
        [$"OTEL_EXPORTER_OTLP_{what}", $"OTEL_EXPORTER_OTLP_TRACES_{what}", $"OTEL_EXPORTER_OTLP_METRICS_{what}"];

    private static Func<string, bool> OneOf(params string[] words) =>
        value => words.Contains(value, StringComparer.OrdinalIgnoreCase);

    private static Func<string, bool> IsAbove(int bound) => value => Number(value, bound) > bound;

    private static bool IsAddress(string value) =>
        Uri.TryCreate(value, UriKind.Absolute, out var address) && address.Scheme is "http" or "https";

    private static bool IsListOfPairs(string value) => value
        .Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
        .All(static pair => pair.IndexOf('=', StringComparison.Ordinal) > 0);

    // The library decodes the list before it parts it. A header that HTTP cannot carry fails each export unseen.
    private static bool IsListOfHeaders(string value)
    {
        var list = Uri.UnescapeDataString(value);
        return IsListOfPairs(list) && list
            .Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Select(static pair => pair.Split('=', 2, StringSplitOptions.TrimEntries))
            .All(static pair => pair[0].All(IsTokenCharacter) && !pair[1].Any(char.IsControl));
    }

    private static bool IsTokenCharacter(char c) => char.IsAsciiLetterOrDigit(c) || "!#$%&'*+-.^_`|~".Contains(c);

    private static bool IsRatio(string value) =>
        double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var part) && part is >= 0 and <= 1;

    // As the library reads it: without a sign, and without spaces.
    private static int Number(string? value, int otherwise) =>
        int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : otherwise;
}
