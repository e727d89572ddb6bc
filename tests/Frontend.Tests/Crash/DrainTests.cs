using System.Text;
using System.Text.Json.Nodes;
using Evergrain.Providers.Sqlite;
using Evergrain.Suites.Crash;

namespace Evergrain.Frontend.Tests.Crash;

/// <summary>The server's own process, asked by SIGTERM to stop while clients run turns.</summary>
[Collection(nameof(ProcessTests))]
public sealed class DrainTests : IDisposable
{
    private const int Clients = 8;
    private const int Seed = 7;
    private const int FramesBeforeStop = 400;
    private const int ServiceRestart = 1012;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly DirectoryInfo _data = Directory.CreateTempSubdirectory("evergrain-drain-");
    private readonly CancellationTokenSource _patience = new(Patience);
    private readonly List<SentConversation> _sent = [];
    private readonly List<CrashClient> _clients = [];

    public void Dispose()
    {
        _clients.ForEach(client => client.Dispose());
        _patience.Dispose();
        _data.Delete(recursive: true);
    }

    [Fact]
    public async Task Turns_ServerToldToStop_FinishAndAreThereAfterwards()
    {
        var running = await RunAndStopAsync();

        Assert.NotEmpty(running);
        Assert.All(running, turn => Assert.True(turn.IsAcknowledged, $"{turn.Id} ran and was not finished"));
        HeldTurns held;
        await using (var journal = await SqliteJournal.OpenAsync(
            new SqliteJournalOptions { Directory = _data.FullName }, _patience.Token))
        {
            held = await HeldTurns.ReadAsync(journal, _patience.Token);
        }

        await using var server = await StartAsync();
        using var http = server.CreateHttpClient();
        var tally = new CrashTally();
        var audit = new Audit(http, tally, held);
        foreach (var sent in _sent.Where(sent => sent.Code is not null))
        {
            Assert.Empty(await audit.CheckAsync(sent, _patience.Token));
            await audit.CheckContextAsync(sent.Turns.Last(turn => turn.Response is not null), _patience.Token);
        }

        // A create that came too late was not begun: no turn ended without its client being told.
        Assert.Equal(0, tally.Stored);
    }

    [Fact]
    public async Task Turn_LongerThanTheDrain_EndsAsInterruptedAndIsCounted()
    {
        const string slow = """
            {"model":"demo","background":true,"input":"@@script [{\"say\":\"late\",\"delay_ms\":600000}]"}
            """;
        string id;
        await using (var server = await ServerProcess.StartAsync(
            ServerSettings.OnSqlite(_data.FullName).With("DrainTimeout", "00:00:01"), _patience.Token))
        {
            using var http = server.CreateHttpClient();
            using var create = new StringContent(slow, Encoding.UTF8, "application/json");
            var place = new Uri("v1/responses", UriKind.Relative);
            using var created = await http.PostAsync(place, create, _patience.Token);
            id = JsonNode.Parse(await created.Content.ReadAsStringAsync(_patience.Token))!["id"]!.GetValue<string>();
            await server.TerminateAsync(_patience.Token);
            Assert.Equal((0, ""), await server.ExitAsync(_patience.Token));
        }

        await using var next = await StartAsync();
        using var client = next.CreateHttpClient();
        var response = await client.GetStringAsync(new Uri($"v1/responses/{id}", UriKind.Relative), _patience.Token);
        var usage = await client.GetStringAsync(new Uri("evergrain/usage", UriKind.Relative), _patience.Token);

        Assert.Contains("interrupted: the server is stopping.", response, StringComparison.Ordinal);
        Assert.Contains("\"failed\":1", usage, StringComparison.Ordinal);
    }

    private Task<ServerProcess> StartAsync() =>
        ServerProcess.StartAsync(ServerSettings.OnSqlite(_data.FullName), _patience.Token);

    /// <summary>Runs turns, stops the server, and gives the turns that ran when it was told to stop.</summary>
    private async Task<List<SentTurn>> RunAndStopAsync()
    {
        await using var server = await StartAsync();
        for (var i = 0; i < Clients; i++)
        {
            var client = new CrashClient(new TurnChooser(i, new Random(Seed + i), _sent));
            _clients.Add(client);
            await client.ConnectAsync(server.Socket, _patience.Token);
        }

        var frames = new FrameGate(FramesBeforeStop);
        var closing = Task.WhenAll(_clients.Select(client => client.RunUntilCutAsync(frames.Count, _patience.Token)));
        await frames.OpenedBeforeAsync(closing);
        var running = _sent.SelectMany(sent => sent.Turns)
            .Where(turn => turn is { Id: not null, IsAcknowledged: false }).ToList();
        await server.TerminateAsync(_patience.Token);
        Assert.All(await closing, status => Assert.Equal(ServiceRestart, status));
        Assert.Equal((0, ""), await server.ExitAsync(_patience.Token));
        return running;
    }
}
