using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Evergrain.Cluster.Tests.Faults;
using Evergrain.Suites.Hosts;
using Evergrain.Tests.Services;

namespace Evergrain.Cluster.Tests.Programs;

/// <summary>
/// Processes of one journal in Azure Storage: which may run beside each other, and how they find each other.
/// </summary>
[Trait("Needs", "Azurite")]
[Collection(nameof(AzuriteProcesses))]
public sealed class AzureRoleTests(AzuriteServer azurite) : IDisposable
{
    private readonly CancellationTokenSource _patience = new(Waits.Patience * 2);
    private readonly Dictionary<string, string> _journal = ClusterProcesses.JournalAt(azurite);

    private CancellationToken Token => _patience.Token;

    public void Dispose() => _patience.Dispose();

    [Fact]
    public async Task Both_TwiceWithNothingButTheAccount_FindEachOther_AndOneKilledIsNotMissed()
    {
        // What a journal there does not have yet is said by name.
        _journal["Evergrain__Recognition"] = "stored";

        // At once, so that both look at the same ports first.
        var started = await Task.WhenAll(StartAsync("both"), StartAsync("both"));
        await using var stays = started[0];
        await using var goes = started[1];
        var response = await RunTurnAsync(goes.Http);
        var next = await RunTurnAsync(stays.Http, response["id"]!.GetValue<string>());
        Assert.Equal("completed", next["status"]!.GetValue<string>());

        await goes.KillAsync();
        var last = await RunTurnAsync(stays.Http, next["id"]!.GetValue<string>());
        Assert.Equal("completed", last["status"]!.GetValue<string>());
        Assert.Contains("keeps no lasting index of histories yet", stays.Story, StringComparison.Ordinal);
    }

    // Each refusal waits until the lease of a process that died would have run out.
    [LongFact]
    public async Task Process_AloneOrOfAnotherCluster_IsRefusedBesideACluster()
    {
        await using var both = await StartAsync("both");

        var refused = await Task.WhenAll(
            RefuseAsync("alone"), RefuseAsync("frontend", ("Evergrain__Cluster__Id", "green")));

        Assert.EndsWith("is in use by another process: stop it, or start both with --role both.", refused[0],
            StringComparison.Ordinal);
        Assert.Contains("this process is of cluster green, service evergrain", refused[1], StringComparison.Ordinal);
        Assert.Equal("completed", (await RunTurnAsync(both.Http))["status"]!.GetValue<string>());
    }

    [LongFact]
    public async Task Cluster_BesideAProcessAlone_IsRefused()
    {
        await using var alone = await StartAsync("alone");

        Assert.EndsWith("is in use by a process that runs alone: stop that one, or start it with --role both as well.",
            await RefuseAsync("both"), StringComparison.Ordinal);
        Assert.Equal("completed", (await RunTurnAsync(alone.Http))["status"]!.GetValue<string>());
    }

    [Fact]
    public async Task Setting_ThatAzureCannotDo_IsRefusedByName() => Assert.Contains(
        "Cluster:Id 'a/b'", await RefuseAsync("both", ("Evergrain__Cluster__Id", "a/b")), StringComparison.Ordinal);

    private Task<ClusterProcess> StartAsync(string role) => ClusterProcess.StartAsync(role, StartOf(role), Token);

    /// <summary>The last line of a process that does not start.</summary>
    private async Task<string> RefuseAsync(string role, params (string Name, string Value)[] settings)
    {
        var start = StartOf(role);
        start.RedirectStandardError = true;
        foreach (var (name, value) in settings)
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        try
        {
            var error = await process.StandardError.ReadToEndAsync(Token);
            await process.WaitForExitAsync(Token);
            Assert.Equal(1, process.ExitCode);
            return error.TrimEnd().Split('\n')[^1];
        }
        finally
        {
            // Where it does start, it does not outlive the test.
            process.Kill();
        }
    }

    private ProcessStartInfo StartOf(string role)
    {
        string[] command = [ClusterProcesses.Program, "--role", role, "--port", "0"];
        var start = new ProcessStartInfo("dotnet", command) { UseShellExecute = false };
        foreach (var (setting, value) in _journal)
        {
            start.Environment[setting] = value;
        }

        return start;
    }

    private async Task<JsonNode> RunTurnAsync(HttpClient http, string? previous = null)
    {
        var create = new JsonObject { ["model"] = "demo", ["input"] = "Hello", ["previous_response_id"] = previous };
        using var answer = await http.PostAsJsonAsync(new Uri("/v1/responses", UriKind.Relative), create, Token);
        return JsonNode.Parse(await answer.Content.ReadAsStringAsync(Token))!;
    }
}
