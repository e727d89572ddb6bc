using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Evergrain.Cluster.Tests.Faults;
using Evergrain.Suites.Hosts;
using Evergrain.Tests.Services;
using Xunit.Abstractions;

namespace Evergrain.Cluster.Tests.Programs;

/// <summary>
/// Processes of one journal in PostgreSQL: which may run beside each other, and how they find each other.
/// </summary>
[Collection(nameof(FaultFreePostgres))]
[Trait("Needs", "Postgres")]
public sealed class RoleTests(PostgresServer postgres, ITestOutputHelper output) : IAsyncLifetime
{
    // Three on a quiet machine; the full counts run there.
    private static readonly TimeSpan AnswerTimeMax = TimeSpan.FromSeconds(
        Environment.GetEnvironmentVariable("EVERGRAIN_LONG") is { Length: > 0 } ? 3 : 60);

    private readonly CancellationTokenSource _patience = new(Waits.Patience * 2);
    private string _url = "";

    private CancellationToken Token => _patience.Token;

    public async Task InitializeAsync() => _url = postgres.Url(await postgres.CreateDatabaseAsync());

    public Task DisposeAsync()
    {
        _patience.Dispose();
        return Task.CompletedTask;
    }

    [Theory]
    [InlineData("alone", "alone", "start both with --role both")]
    [InlineData("alone", "both", "start it with --role both as well")]
    [InlineData("both", "alone", "start both with --role both")]
    public async Task Journal_OfAProcessAlone_IsForNoOther(string first, string second, string expected)
    {
        await using var running = await StartAsync(first);

        var (exitCode, error) = await RefuseAsync("--role", second);

        Assert.Equal(1, exitCode);
        Assert.Contains(expected, Assert.Single(error.Split('\n')), StringComparison.Ordinal);
        Assert.Equal("completed", (await RunTurnAsync(running.Http))["status"]!.GetValue<string>());
    }

    [Fact]
    public async Task Both_TwiceWithNothingButTheUrl_FindEachOther_AndOneKilledComesBack()
    {
        // At once, so that both look at the same ports first.
        var started = await Task.WhenAll(StartAsync("both"), StartAsync("both"));
        await using var stays = started[0];
        var goes = started[1];
        var response = await RunTurnAsync(goes.Http);
        var next = await RunTurnAsync(stays.Http, response["id"]!.GetValue<string>());
        Assert.Equal("completed", next["status"]!.GetValue<string>());
        Assert.Equal(1L, await ExecuteAsync("SELECT count(*) FROM evergrain.authorities"));

        await goes.KillAsync();
        await goes.DisposeAsync();
        var begun = TimeProvider.System.GetTimestamp();
        await using var again = await StartAsync("both");
        var ready = TimeProvider.System.GetTimestamp();
        var last = await RunTurnAsync(again.Http, next["id"]!.GetValue<string>());
        var answered = TimeProvider.System.GetElapsedTime(ready);

        output.WriteLine($"[note] killed and started anew: an open conversation answered {answered.TotalSeconds:f2} " +
            $"s after ready, {TimeProvider.System.GetElapsedTime(begun).TotalSeconds:f2} s after its start");
        Assert.Equal("completed", last["status"]!.GetValue<string>());
        Assert.True(answered < AnswerTimeMax, $"It took {answered}.");
    }

    [Fact]
    public async Task Silo_OnLoopbackBesideAnotherHostsMember_IsRefusedByName()
    {
        await using (var first = await StartAsync("silo"))
        {
            await first.SignalAsync("TERM", Token);
            Assert.Equal(0, await first.ExitAsync(Token));
        }

        await ExecuteAsync("INSERT INTO evergrain.silos (cluster, address, port, generation, name, host, " +
            "gateway_port, status, started, alive) " +
            "VALUES ('evergrain', '192.0.2.7', 1, 1, 'far', 'far-away', 2, 3, now(), now())");
        var (exitCode, error) = await RefuseAsync("--role", "both");

        Assert.Equal(1, exitCode);
        Assert.Contains("far-away at 192.0.2.7: set SiloAddress", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Alone_WhoseJournalAnotherProcessTook_StopsInOneSentence()
    {
        await using var alone = await StartAsync("alone");
        var starting = StartAsync("both");
        await UntilAsync("SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted");

        await ExecuteAsync("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted");

        await using var both = await starting;
        Assert.Equal(1, await alone.ExitAsync(Token));
        await alone.DisposeAsync();
        Assert.Contains("start both with --role both", alone.Story, StringComparison.Ordinal);
        Assert.Equal("completed", (await RunTurnAsync(both.Http))["status"]!.GetValue<string>());
    }

    [Fact]
    public async Task Usage_OfAProcessAlone_IsKept()
    {
        await using (var first = await StartAsync("alone"))
        {
            await first.SignalAsync("TERM", Token);
            Assert.Equal(0, await first.ExitAsync(Token));
        }

        await ExecuteAsync("INSERT INTO evergrain.tenant_totals VALUES ('default', 1, 1, 5, 0, 0, 0, 0, 9, 0, 3)");
        await using var second = await StartAsync("alone");
        var usage = JsonNode.Parse(await second.Http.GetStringAsync(Path("/evergrain/usage"), Token))!;

        Assert.Equal(5, usage["turns"]!["completed"]!.GetValue<long>());
        Assert.Equal(9, usage["tokens"]!["input"]!.GetValue<long>());
    }

    [Theory]
    [InlineData("alone")]
    [InlineData("both")]
    public async Task Keys_OfOperators_OpenMetricsAndUsageAndNoConversation(string role)
    {
        var audit = System.IO.Path.GetTempFileName();
        var start = StartOf("--role", role, "--port", "0");
        ClusterProcess.SetKeys(start);
        start.Environment["Evergrain__Audit"] = audit;
        await using var process = await ClusterProcess.StartAsync(role, start, Token);

        // As through a proxy.
        process.Http.DefaultRequestHeaders.Add("X-Forwarded-For", "192.0.2.1");
        var id = (await RunTurnAsync(process.Http))["id"]!.GetValue<string>();
        var counts = await process.ReadMetricsAsync(Token);
        (HttpMethod Method, string Path, string Key, HttpStatusCode Status)[] requests =
        [
            (HttpMethod.Get, "/metrics", ClusterProcess.ClientKey, HttpStatusCode.Forbidden),
            (HttpMethod.Get, "/evergrain/usage", ClusterProcess.ClientKey, HttpStatusCode.OK),
            (HttpMethod.Get, "/evergrain/usage?tenant=default", ClusterProcess.ClientKey, HttpStatusCode.OK),
            (HttpMethod.Get, "/evergrain/usage?tenant=other", ClusterProcess.ClientKey, HttpStatusCode.Forbidden),
            (HttpMethod.Get, "/evergrain/usage?tenant=default", ClusterProcess.OperatorKey, HttpStatusCode.OK),
            (HttpMethod.Get, "/evergrain/usage", ClusterProcess.OperatorKey, HttpStatusCode.BadRequest),
            (HttpMethod.Get, $"/v1/responses/{id}", ClusterProcess.OperatorKey, HttpStatusCode.Forbidden),
            (HttpMethod.Delete, $"/v1/responses/{id}", ClusterProcess.OperatorKey, HttpStatusCode.Forbidden),
            (HttpMethod.Delete, $"/v1/responses/{id}", ClusterProcess.ClientKey, HttpStatusCode.OK),
        ];
        foreach (var (method, path, key, status) in requests)
        {
            using var request = new HttpRequestMessage(method, path);
            request.Headers.Add("Authorization", $"Bearer {key}");
            using var answer = await process.Http.SendAsync(request, Token);
            Assert.True(status == answer.StatusCode, $"{method} {path} with {key}: {answer.StatusCode}");
        }

        await process.SignalAsync("TERM", Token);
        Assert.Equal(0, await process.ExitAsync(Token));
        var lines = (await File.ReadAllLinesAsync(audit, Token)).Select(static line => JsonNode.Parse(line)!).ToList();
        File.Delete(audit);
        Assert.Equal(1, counts["evergrain.turns.started"]);
        Assert.Equal(["key_refused", "key_refused", "operator_read", "key_refused", "key_refused", "deletion"],
            lines.Select(static line => line["event"]!.GetValue<string>()));
        Assert.Equal("/evergrain/usage", lines[2]["page"]!.GetValue<string>());
        Assert.Equal(id, lines[^1]["response"]!.GetValue<string>());
    }

    private Task<ClusterProcess> StartAsync(string role) =>
        ClusterProcess.StartAsync(role, StartOf("--role", role, "--port", "0"), Token);

    private async Task<(int ExitCode, string Error)> RefuseAsync(params string[] options)
    {
        var start = StartOf(options);
        start.RedirectStandardError = true;
        using var process = Process.Start(start)!;
        var error = await process.StandardError.ReadToEndAsync(Token);
        await process.WaitForExitAsync(Token);
        return (process.ExitCode, error.TrimEnd());
    }

    private ProcessStartInfo StartOf(params string[] options)
    {
        var start = new ProcessStartInfo("dotnet", [ClusterProcesses.Program, .. options]) { UseShellExecute = false };
        start.Environment["Evergrain__JournalUrl"] = _url;
        return start;
    }

    private async Task<JsonNode> RunTurnAsync(HttpClient http, string? previous = null)
    {
        var create = new JsonObject { ["model"] = "demo", ["input"] = "Hello", ["previous_response_id"] = previous };
        using var answer = await http.PostAsJsonAsync(Path("/v1/responses"), create, Token);
        return JsonNode.Parse(await answer.Content.ReadAsStringAsync(Token))!;
    }

    private Task<object?> ExecuteAsync(string sql) => postgres.ExecuteAsync(new Uri(_url).AbsolutePath[1..], sql);

    private async Task UntilAsync(string condition)
    {
        while (!(bool)(await ExecuteAsync(condition))!)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, Token);
        }
    }

    private static Uri Path(string path) => new(path, UriKind.Relative);
}
