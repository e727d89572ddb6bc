using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Evergrain.Cluster.Tests.Faults;
using Evergrain.Suites.Hosts;
using Evergrain.Tests.Services;

namespace Evergrain.Cluster.Tests.Programs;

/// <summary>The cluster's program as processes: how it refuses to start, starts, and stops.</summary>
[Collection(nameof(FaultFreePostgres))]
public sealed class ProgramTests(PostgresServer postgres) : IDisposable
{
    private const string NoJournal = "postgres://127.0.0.1:1/none";
    
    // Three processes start one after the other, on a machine that is busy with other tests.
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromMinutes(10));

    public void Dispose() => _patience.Dispose();

    [Theory]
    [InlineData("--role both", "--journal-url")]
    [InlineData("--role half", "Role")]
    [InlineData($"--role both --journal-url {NoJournal} --silo-port 0", "SiloPort")]
    [InlineData($"--role both --journal-url {NoJournal} --silo-address 0.0.0.0", "0.0.0.0")]
    [InlineData($"--role frontend --journal-url {NoJournal}", "127.0.0.1:1")]
    [InlineData("--role silo --journal-url postgres://", "host of the journal's URL")]
    [Trait("Needs", "Postgres")]
    public async Task Settings_Wrong_AreOneSentence(string options, string expected)
    {
        var start = StartOf(options.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        start.RedirectStandardError = true;
        start.Environment["Evergrain__Postgres__StartTimeout"] = "00:00:00";
        using var process = Process.Start(start)!;

        var error = (await process.StandardError.ReadToEndAsync(_patience.Token)).TrimEnd();
        await process.WaitForExitAsync(_patience.Token);

        Assert.Equal(1, process.ExitCode);
        Assert.Contains(expected, error, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error);
    }

    [Fact]
    public async Task Settings_WrongInManySections_AreAllInOneLine()
    {
        var start = StartOf(["--role", "both", "--port", "70000"]);
        start.RedirectStandardError = true;
        start.Environment["Evergrain__Cluster__CallTimeout"] = "01:00:00";
        start.Environment["Evergrain__Cluster__GatewayPort"] = "x";
        start.Environment["Evergrain__Cluster__SiloAddress"] = "nowhere";
        start.Environment["Evergrain__Admission__ConnectionsMax"] = "0";
        start.Environment["Evergrain__ModelUrl"] = "ftp://host/v1";
        using var process = Process.Start(start)!;

        var error = (await process.StandardError.ReadToEndAsync(_patience.Token)).TrimEnd();
        await process.WaitForExitAsync(_patience.Token);

        Assert.Equal(1, process.ExitCode);
        Assert.All(["Port ", "CallTimeout", "GatewayPort", "ConnectionsMax", "ftp://host/v1", "--journal-url"],
            name => Assert.Contains(name, error, StringComparison.Ordinal));
        Assert.DoesNotContain('\n', error);
    }

    [Fact]
    [Trait("Needs", "Postgres")]
    public async Task FrontendBeforeItsSilos_IsReadyWhenOneIs_AndTurnsAreCountedAcrossThem()
    {
        var url = postgres.Url(await postgres.CreateDatabaseAsync());
        var port = Port();
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}"), Timeout = Waits.Patience };
        var starting = StartAsync("frontend", url, "--role", "frontend", "--port", port);
        await UntilAsync(async () => await ReadyAsync(http) == HttpStatusCode.ServiceUnavailable);
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync(Path("/health/live"), _patience.Token)).StatusCode);

        var silos = await Task.WhenAll(StartSiloAsync(url), StartSiloAsync(url));
        await using var one = silos[0];
        await using var two = silos[1];
        await using var frontend = await starting;
        Assert.Equal(HttpStatusCode.OK, await ReadyAsync(one.Http));
        for (var turn = 0; turn < 8; turn++)
        {
            Assert.Equal("completed", (await RunTurnAsync(frontend.Http))["status"]!.GetValue<string>());
        }

        // A silo that leaves tells what it counted, and the other goes on.
        await one.SignalAsync("TERM", _patience.Token);
        await UntilAsync(async () => await ReadyAsync(one.Http) != HttpStatusCode.OK);
        Assert.Equal(0, await one.ExitAsync(_patience.Token));
        Assert.Equal("completed", (await RunTurnAsync(frontend.Http))["status"]!.GetValue<string>());
        await UntilAsync(async () => await CompletedAsync(frontend.Http) == 9);
    }

    [Theory]
    [InlineData("alone")]
    [InlineData("both")]
    [Trait("Needs", "Postgres")]
    public async Task PostgresAway_WhenAProcessStarts_IsWaitedForWithOneLine(string role)
    {
        await using var proxy = new CuttingProxy(postgres.Port) { IsClosed = true };
        var url = new UriBuilder(postgres.Url(await postgres.CreateDatabaseAsync())) { Port = proxy.Port };
        var start = StartOf(["--role", role, "--port", "0"]);
        start.Environment["Evergrain__JournalUrl"] = url.Uri.OriginalString;
        await using var process = ClusterProcess.Begin(role, start);
        await process.UntilSaysAsync("The process waits for it, 00:05:00 at most.", _patience.Token);

        proxy.IsClosed = false;

        await process.UntilSaysAsync("listens on", _patience.Token);
        Assert.Equal(2, process.Story.Split("waits for it").Length);
    }

    [Fact]
    [Trait("Needs", "Postgres")]
    public async Task Member_DeclaredDead_EndsWithOneLineAndAnExitCode()
    {
        var database = await postgres.CreateDatabaseAsync();
        await using var silo = await StartSiloAsync(postgres.Url(database));

        // 6 is dead. A silo reads the table once a minute.
        await postgres.ExecuteAsync(database, "UPDATE evergrain.silos SET status = 6");
        await postgres.ExecuteAsync(database, "UPDATE evergrain.clusters SET version = version + 1");
        var exitCode = await silo.ExitAsync(_patience.Token);
        await silo.DisposeAsync();

        Assert.Equal(3, exitCode);
        Assert.Contains("evergrain: the cluster has declared this process dead", silo.Story, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", silo.Story, StringComparison.Ordinal);
    }

    private Task<ClusterProcess> StartSiloAsync(string url) => StartAsync("silo", url, "--role", "silo",
        "--port", "0", "--silo-port", Port(), "--gateway-port", Port());

    private Task<ClusterProcess> StartAsync(string name, string url, params string[] options)
    {
        var start = StartOf(options);
        start.Environment["Evergrain__JournalUrl"] = url;
        return ClusterProcess.StartAsync(name, start, _patience.Token);
    }

    private async Task<JsonNode> RunTurnAsync(HttpClient http)
    {
        using var create = new StringContent(
            """{"model":"demo","input":"Hello"}""", Encoding.UTF8, "application/json");
        using var answer = await http.PostAsync(Path("/v1/responses"), create, _patience.Token);
        return JsonNode.Parse(await answer.Content.ReadAsStringAsync(_patience.Token))!;
    }

    private async Task<long> CompletedAsync(HttpClient http)
    {
        var answer = await http.GetStringAsync(Path("/evergrain/usage"), _patience.Token);
        return JsonNode.Parse(answer)!["turns"]!["completed"]!.GetValue<long>();
    }

    /// <summary>What it says of its readiness; none if it does not listen.</summary>
    private async Task<HttpStatusCode?> ReadyAsync(HttpClient http)
    {
        try
        {
            using var answer = await http.GetAsync(Path("/health/ready"), _patience.Token);
            return answer.StatusCode;
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    private async Task UntilAsync(Func<Task<bool>> condition)
    {
        while (!await condition())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, _patience.Token);
        }
    }

    private static ProcessStartInfo StartOf(IEnumerable<string> options) =>
        new("dotnet", [ClusterProcesses.Program, .. options]) { UseShellExecute = false };

    private static string Port() => FreePorts.Next().ToString(CultureInfo.InvariantCulture);

    private static Uri Path(string path) => new(path, UriKind.Relative);
}
