using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Evergrain.Cluster.Tests.Faults;
using Evergrain.Cluster.Tests.Proxies;
using Evergrain.Suites.Crash;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Upstream;

namespace Evergrain.Cluster.Tests.Watching;

/// <summary>
/// A server alone before a model server of two URLs, one of them dead, with a check that is dead too; and a cluster of
/// two silos and a frontend with the built-in model.
/// </summary>
internal sealed class WatchedSite(string journal) : IAsyncDisposable
{
    private readonly string _folder = ProxyProcess.NewFolder("watched");
    private readonly List<ClusterProcess> _processes = [];
    private readonly List<int> _ports = [];
    private ScriptedUpstream? _model;
    private TurnSocket? _socket;
    private string? _last;

    /// <summary>All processes.</summary>
    public IReadOnlyList<ClusterProcess> Processes => _processes;

    /// <summary>Their ports.</summary>
    public IReadOnlyList<int> Ports => _ports;

    /// <summary>Starts it; an empty <paramref name="journal"/> leaves the cluster out.</summary>
    public static async Task<WatchedSite> StartAsync(string journal, CancellationToken cancellationToken)
    {
        var site = new WatchedSite(journal) { _model = await ScriptedUpstream.StartAsync() };
        try
        {
            await site.AddAsync("alone", ["--data", site._folder], cancellationToken);
            if (journal.Length > 0)
            {
                await site.AddAsync("silo one", ["--role", "silo"], cancellationToken);
                await site.AddAsync("silo two", ["--role", "silo"], cancellationToken);
                await site.AddAsync("frontend", ["--role", "frontend"], cancellationToken);
                var address = new UriBuilder(site._processes[^1].Http.BaseAddress!)
                {
                    Scheme = "ws", Path = "/v1/responses",
                };
                site._socket = await TurnSocket.ConnectAsync(address.Uri, session: null, cancellationToken);
            }

            return site;
        }
        catch
        {
            await site.DisposeAsync();
            throw;
        }
    }

    /// <summary>A call that the model server answers, or not.</summary>
    public async Task AskModelAsync(bool answers, CancellationToken cancellationToken)
    {
        if (answers)
        {
            _model!.Play(Chat.Answer());
        }

        using var create = EdgeSite.Create();
        using var answer = await _processes[0].Http.PostAsync(
            new Uri("/v1/responses", UriKind.Relative), create, cancellationToken);
        await answer.Content.ReadAsByteArrayAsync(cancellationToken);
        _model!.Forget();
    }

    /// <summary>A turn over the frontend's socket: one that calls a tool, and one that answers the call.</summary>
    public async Task LoopAsync(CancellationToken cancellationToken)
    {
        var called = await RunAsync(WireClient.Create("""[{"call":"look","args":{}},{"say":"done"}]""",
            $$""","previous_response_id":{{JsonSerializer.Serialize(_last)}},"tools":[{{ToolLoop.Tool}}]"""),
            cancellationToken);
        var answered = await RunAsync(ToolLoop.Reply("demo", called), cancellationToken);
        _last = answered.GetProperty("response").GetProperty("id").GetString();
    }

    /// <summary>A create that is none.</summary>
    public async Task FailAsync(CancellationToken cancellationToken) =>
        Assert.Equal("error", (await RunAsync("{}", cancellationToken)).GetProperty("type").GetString());

    public async ValueTask DisposeAsync()
    {
        _socket?.Dispose();
        foreach (var process in _processes)
        {
            await process.DisposeAsync();
        }

        await _model!.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task AddAsync(string name, string[] options, CancellationToken cancellationToken)
    {
        var port = FreePorts.Next();
        string[] all = [ClusterProcesses.Program, "--port", Text(port), .. options];
        var start = new ProcessStartInfo("dotnet", all);
        if (_processes.Count == 0)
        {
            start.Environment["Evergrain__ModelServers__0__Name"] = "scripted";
            start.Environment["Evergrain__ModelServers__0__Api"] = "chat";
            start.Environment["Evergrain__ModelServers__0__Models__0"] = "m";
            start.Environment["Evergrain__ModelServers__0__Urls__0"] = _model!.Url;
            start.Environment["Evergrain__ModelServers__0__Urls__1"] = Dead("/v1");
            start.Environment["Evergrain__InputCheck__Url"] = Dead("/check");
            start.Environment["Evergrain__InputCheck__OnFailure"] = "Allow";
        }
        else
        {
            start.Environment["Evergrain__JournalUrl"] = journal;
        }

        _processes.Add(await ClusterProcess.StartAsync(name, start, cancellationToken));
        _ports.Add(port);
    }

    private Task<JsonElement> RunAsync(string create, CancellationToken cancellationToken) =>
        ToolLoop.RunAsync(_socket!, create, cancellationToken);

    private static string Dead(string path) => $"http://127.0.0.1:{FreePorts.Next()}{path}";

    private static string Text(int port) => port.ToString(CultureInfo.InvariantCulture);
}
