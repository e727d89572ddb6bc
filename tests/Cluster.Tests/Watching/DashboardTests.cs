using Evergrain.Cluster.Tests.Kubernetes;
using Evergrain.Cluster.Tests.Programs;
using Evergrain.Tests.Services;
using Xunit.Abstractions;

namespace Evergrain.Cluster.Tests.Watching;

/// <summary>The queries of deploy/grafana, before a real Prometheus that scrapes real processes.</summary>
[Collection(nameof(FaultFreePostgres))]
[Trait("Needs", "Postgres")]
[Trait("Needs", "Prometheus")]
public sealed class DashboardTests(PostgresServer postgres, ITestOutputHelper output) : IDisposable
{
    // What Prometheus' names add to those of docs/telemetry.md.
    private static readonly string[] Suffixes =
        ["", "_total", "_seconds", "_seconds_total", "_seconds_bucket", "_seconds_sum", "_seconds_count",
        "_bytes_total", "_bytes"];

    private static readonly TimeSpan DataTimeMax = TimeSpan.FromMinutes(4);

    private readonly CancellationTokenSource _patience = new(TimeSpan.FromMinutes(6));

    private CancellationToken Token => _patience.Token;

    public void Dispose() => _patience.Dispose();

    [Fact]
    public async Task Queries_OfDashboardsAndAlerts_AreAnsweredWithData()
    {
        await using var site = await WatchedSite.StartAsync(
            postgres.Url(await postgres.CreateDatabaseAsync()), Token);
        await using var prometheus = await PrometheusProcess.StartAsync(
            site.Ports, await File.ReadAllTextAsync(GrafanaFiles.RulesFile, Token), Token);
        var alerts = (await prometheus.RulesAsync(Token))
            .Select(static rule => GrafanaFiles.WithAnswer(rule.GetProperty("query").GetString()!)).ToList();
        List<string> unanswered = [.. GrafanaFiles.Queries, .. alerts];
        Assert.InRange(unanswered.Count, 60, 200);
        var begun = TimeProvider.System.GetTimestamp();

        while (unanswered.Count > 0)
        {
            Assert.True(TimeProvider.System.GetElapsedTime(begun) < DataTimeMax,
                "No data: " + string.Join('\n', unanswered));
            await site.AskModelAsync(answers: true, Token);
            await site.AskModelAsync(answers: false, Token);
            await site.LoopAsync(Token);
            await site.FailAsync(Token);
            unanswered = await prometheus.UnansweredAsync(unanswered, Token);
        }

        output.WriteLine($"[note] {GrafanaFiles.Queries.Count} queries of dashboards and {alerts.Count} of alerts " +
            "were answered with data");
        await AssertNamesAsync(site, [.. GrafanaFiles.Queries, .. alerts]);
    }

    private async Task AssertNamesAsync(WatchedSite site, IReadOnlyList<string> queries)
    {
        var exported = new HashSet<string>(StringComparer.Ordinal);
        foreach (var process in site.Processes)
        {
            var text = await process.Http.GetStringAsync(new Uri("/metrics", UriKind.Relative), Token);
            exported.UnionWith(text.Split('\n').Select(static line => line.Split('{')[0]));
            var file = Path.GetTempFileName();
            await File.WriteAllTextAsync(file, text, Token);

            // It fails where it has a word to say.
            await Command.RunAsync(["sh", "-c", "promtool check metrics < \"$1\"", "sh", file], Token);
            File.Delete(file);
        }

        var page = await File.ReadAllTextAsync(Repository.Place("docs/telemetry.md"), Token);
        var described = page.Split('`').Select(static word => word.Replace('.', '_')).ToHashSet(StringComparer.Ordinal);
        var named = queries.SelectMany(GrafanaFiles.MetricsOf).ToHashSet(StringComparer.Ordinal);
        Assert.Empty(named.Except(exported).ToList());
        Assert.All(named.Where(static name => !name.StartsWith("dotnet_", StringComparison.Ordinal)), name =>
            Assert.Contains(Suffixes, suffix => name.EndsWith(suffix, StringComparison.Ordinal) &&
                described.Contains(name[..^suffix.Length])));
    }
}
