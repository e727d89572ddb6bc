using System.Text.Json;
using Evergrain.Cluster.Tests.Faults;
using Evergrain.Cluster.Tests.Proxies;

namespace Evergrain.Cluster.Tests.Watching;

/// <summary>A Prometheus of a test's own, that scrapes its servers each second.</summary>
internal sealed class PrometheusProcess : IAsyncDisposable
{
    private readonly ProxyProcess _process;
    private readonly HttpClient _http;

    private PrometheusProcess(string folder, int port)
    {
        _http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        _process = ProxyProcess.Start(folder, "prometheus", "--config.file=" + Path.Combine(folder, "prometheus.yml"),
            "--storage.tsdb.path=" + Path.Combine(folder, "data"), $"--web.listen-address=127.0.0.1:{port}",
            "--log.level=warn");
    }

    /// <summary>Starts it.</summary>
    /// <param name="targets">The ports of the servers.</param>
    /// <param name="rules">The text of a file of rules.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<PrometheusProcess> StartAsync(
        IEnumerable<int> targets, string rules, CancellationToken cancellationToken)
    {
        var folder = ProxyProcess.NewFolder("prometheus");
        var places = string.Join(", ", targets.Select(static port => $"'127.0.0.1:{port}'"));
        await File.WriteAllTextAsync(Path.Combine(folder, "rules.yaml"), rules, cancellationToken);
        await File.WriteAllTextAsync(Path.Combine(folder, "prometheus.yml"), $$"""
            global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
            rule_files: [rules.yaml]
            scrape_configs: [{job_name: evergrain, static_configs: [{targets: [{{places}}]}]}]
            """, cancellationToken);
        var prometheus = new PrometheusProcess(folder, FreePorts.Next());
        try
        {
            await prometheus._process.UntilAsync(
                () => prometheus.IsReadyAsync(cancellationToken), cancellationToken);
            return prometheus;
        }
        catch (Exception e)
        {
            var log = prometheus._process.Log;
            await prometheus.DisposeAsync();
            throw new InvalidOperationException("Prometheus does not start: " + log, e);
        }
    }

    /// <summary>Those of some queries that no series with a number answers.</summary>
    /// <exception cref="InvalidOperationException">One of them is no query.</exception>
    public async Task<List<string>> UnansweredAsync(IEnumerable<string> queries, CancellationToken cancellationToken)
    {
        var unanswered = new List<string>();
        foreach (var query in queries)
        {
            var answer = await AskAsync("query?query=" + Uri.EscapeDataString(query), cancellationToken);
            if (answer.GetProperty("result").EnumerateArray().All(
                static series => series.GetProperty("value")[1].GetString() == "NaN"))
            {
                unanswered.Add(query);
            }
        }

        return unanswered;
    }

    /// <summary>The rules, as Prometheus read them.</summary>
    public async Task<IReadOnlyList<JsonElement>> RulesAsync(CancellationToken cancellationToken) =>
        [.. (await AskAsync("rules", cancellationToken)).GetProperty("groups").EnumerateArray()
            .SelectMany(static group => group.GetProperty("rules").EnumerateArray())];

    /// <summary>Waits until an alert fires, and gives it.</summary>
    public async Task<JsonElement> FiringAsync(string name, CancellationToken cancellationToken)
    {
        while (true)
        {
            var alerts = (await AskAsync("alerts", cancellationToken)).GetProperty("alerts");
            foreach (var alert in alerts.EnumerateArray())
            {
                if (alert.GetProperty("state").GetString() == "firing" &&
                    alert.GetProperty("labels").GetProperty("alertname").GetString() == name)
                {
                    return alert;
                }
            }

            await Task.Delay(ProxyProcess.Look, TimeProvider.System, cancellationToken);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        _http.Dispose();
    }

    private async Task<bool> IsReadyAsync(CancellationToken cancellationToken)
    {
        try
        {
            using var answer = await _http.GetAsync(new Uri("/-/ready", UriKind.Relative), cancellationToken);
            return answer.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private async Task<JsonElement> AskAsync(string what, CancellationToken cancellationToken)
    {
        using var answer = await _http.GetAsync(new Uri("/api/v1/" + what, UriKind.Relative), cancellationToken);
        var text = await answer.Content.ReadAsStringAsync(cancellationToken);
        return answer.IsSuccessStatusCode
            ? JsonDocument.Parse(text).RootElement.GetProperty("data")
            : throw new InvalidOperationException($"{what}: {text}");
    }
}
