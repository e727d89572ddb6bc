using System.Text.Json;
using System.Text.RegularExpressions;
using Evergrain.Cluster.Tests.Kubernetes;

namespace Evergrain.Cluster.Tests.Watching;

/// <summary>The alerts of deploy/grafana: when they fire, and where they lead.</summary>
public sealed partial class AlertTests : IDisposable
{
    private const string Place = "https://evergrain.example/docs/runbook.md#";

    private readonly CancellationTokenSource _patience = new(TimeSpan.FromMinutes(4));

    private CancellationToken Token => _patience.Token;

    public void Dispose() => _patience.Dispose();

    [Fact]
    [Trait("Needs", "Prometheus")]
    public async Task Rules_OfTheFile_AreTakenAndFireAtTheirTimes()
    {
        await Command.RunAsync(["promtool", "check", "rules", GrafanaFiles.RulesFile], Token);
        await Command.RunAsync(["promtool", "test", "rules", "evergrain.rules.test.yaml"], Token,
            Path.GetDirectoryName(GrafanaFiles.RulesFile));
    }

    [Fact]
    [Trait("Needs", "Prometheus")]
    public async Task Alerts_Firing_NameWhatFailsAndTheirEntryInTheRunbook()
    {
        await using var site = await WatchedSite.StartAsync(journal: "", Token);
        var rules = await File.ReadAllTextAsync(GrafanaFiles.RulesFile, Token);
        await using var prometheus = await PrometheusProcess.StartAsync(
            site.Ports, Wait().Replace(rules, "for: 1s"), Token);

        var failing = prometheus.FiringAsync("EvergrainModelServerFails", Token);
        while (!failing.IsCompleted)
        {
            await site.AskModelAsync(answers: false, Token);
        }

        var model = await failing;
        await site.Processes[0].KillAsync();
        var down = await prometheus.FiringAsync("EvergrainDown", Token);

        Assert.Equal("scripted", model.GetProperty("labels").GetProperty("server").GetString());
        Assert.Equal($"127.0.0.1:{site.Ports[0]}", down.GetProperty("labels").GetProperty("instance").GetString());
        Assert.Equal("Model server scripted fails.", Annotation(model, "summary"));
        Assert.Equal(Place + "evergraindown", Annotation(down, "runbook_url"));
    }

    [Fact]
    public async Task Entries_OfTheRunbook_AreThoseThatAlertsNameInTheirOrder()
    {
        var rules = await File.ReadAllTextAsync(GrafanaFiles.RulesFile, Token);
        var alerts = Alert().Matches(rules).Select(static match => match.Groups["name"].Value).ToList();
        var urls = Url().Matches(rules).Select(static match => match.Groups["url"].Value).ToList();
        var headings = (await File.ReadAllLinesAsync(Repository.Place("docs/runbook.md"), Token))
            .Where(static line => line.StartsWith("### Evergrain", StringComparison.Ordinal))
            .Select(static line => line["### ".Length..]).ToList();

        Assert.NotEmpty(alerts);
        Assert.Equal(alerts, headings);
        Assert.Equal(alerts.Select(static name => Place + name.ToLowerInvariant()), urls);
    }

    [Fact]
    public void Dashboards_OfAFolder_AreAsGrafanaTakesThem()
    {
        var boards = GrafanaFiles.Dashboards.Select(static entry => entry.Board).ToList();

        Assert.Equal(boards.Count, boards.DistinctBy(static board => board.GetProperty("uid").GetString()).Count());
        Assert.All(boards, static board =>
        {
            var ids = board.GetProperty("panels").EnumerateArray()
                .Select(static panel => panel.GetProperty("id").GetInt32()).ToList();
            Assert.Equal(ids, ids.Distinct());
            Assert.All(GrafanaFiles.Panels(board), static panel =>
            {
                Assert.NotEqual("", panel.GetProperty("description").GetString());
                Assert.Equal("${datasource}", panel.GetProperty("datasource").GetProperty("uid").GetString());
            });
        });
    }

    private static string? Annotation(JsonElement alert, string name) =>
        alert.GetProperty("annotations").GetProperty(name).GetString();

    [GeneratedRegex("for: [0-9]+m", RegexOptions.NonBacktracking)]
    private static partial Regex Wait();

    [GeneratedRegex("alert: (?<name>\\w+)", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex Alert();

    [GeneratedRegex("runbook_url: (?<url>\\S+)", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex Url();
}
