using System.Text.Json;
using System.Text.RegularExpressions;
using Evergrain.Cluster.Tests.Kubernetes;

namespace Evergrain.Cluster.Tests.Watching;

/// <summary>The dashboards and alerts that users get.</summary>
internal static partial class GrafanaFiles
{
    private const int TimeoutMilliseconds = 10_000;

    /// <summary>The file of the alerts.</summary>
    public static string RulesFile => Repository.Place("deploy/grafana/evergrain.rules.yaml");

    /// <summary>The dashboards, by their file's name.</summary>
    public static IReadOnlyList<(string Name, JsonElement Board)> Dashboards { get; } =
        [.. Directory.GetFiles(Repository.Place("deploy/grafana/dashboards"), "*.json").Order(StringComparer.Ordinal)
            .Select(static file => (Path.GetFileName(file), JsonDocument.Parse(File.ReadAllText(file)).RootElement))];

    /// <summary>The panels of a dashboard that show series.</summary>
    public static IEnumerable<JsonElement> Panels(JsonElement board) => board.GetProperty("panels").EnumerateArray()
        .Where(static panel => panel.GetProperty("type").GetString() is not ("row" or "text"));

    /// <summary>Every query of the dashboards, as Grafana sends it for all processes.</summary>
    public static IReadOnlyList<string> Queries { get; } =
    [
        .. from entry in Dashboards
           from panel in Panels(entry.Board)
           from target in panel.GetProperty("targets").EnumerateArray()
           select target.GetProperty("expr").GetString()!
               .Replace("$__rate_interval", "1m", StringComparison.Ordinal)
               .Replace("$instance", ".*", StringComparison.Ordinal),
    ];

    /// <summary>The metrics that a query reads.</summary>
    public static IEnumerable<string> MetricsOf(string query) =>
        Metric().Matches(Labels().Replace(query, "")).Select(static match => match.Value);

    /// <summary>The query of an alert as one that has an answer at any time: 0 or 1.</summary>
    public static string WithAnswer(string alert) => Comparison().Replace(alert, " ${sign} bool ");

    // Labels to match and to keep.
    [GeneratedRegex(@"\{[^}]*\}|\b(by|on|group_left)\s*\([^)]*\)", RegexOptions.ExplicitCapture, TimeoutMilliseconds)]
    private static partial Regex Labels();

    [GeneratedRegex(@"\b(evergrain|gen_ai|dotnet)_\w+", RegexOptions.ExplicitCapture, TimeoutMilliseconds)]
    private static partial Regex Metric();

    [GeneratedRegex(@" (?<sign>==|<|>)\s", RegexOptions.ExplicitCapture, TimeoutMilliseconds)]
    private static partial Regex Comparison();
}
