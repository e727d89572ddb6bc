using System.Net.Http.Json;
using System.Text.Json;
using Evergrain.Frontend.Tests.Crash;
using Evergrain.Frontend.Tests.Hosting;
using Evergrain.Tests.Services;
using Xunit.Abstractions;

namespace Evergrain.Frontend.Tests.Balanced;

/// <summary>
/// Two servers on one PostgreSQL, one of which is stopped by SIGSTOP, as a machine may be that is short of memory or
/// about to be moved: it wakes up and knows nothing of it.
/// </summary>
[Trait("Needs", "Postgres")]
[Collection(nameof(PostgresProcessTests))]
public sealed class StoppedServerTests(PostgresServer postgres, ITestOutputHelper output) : IAsyncLifetime
{
    private const int Seed = 20260220;
    private const int FramesBeforeStopMax = 8;
    private const int MillisecondsBeforeStopMax = 15;
    private static readonly int Rounds =
        Environment.GetEnvironmentVariable("EVERGRAIN_LONG") is { Length: > 0 } ? 60 : 2;

    // Slow enough that the server is stopped before the turn has ended.
    private static readonly string[] Scripts =
    [
        """[{"say":"some words that take a good while to be said, one after the other","chunk_ms":100}]""",
        """[{"call":"lookup","args":{"key":"a key that is long","why":"to be slow in coming"},"chunk_ms":100}]""",
    ];

    private const string Short = """[{"say":"here","delay_ms":400}]""";

    private readonly CancellationTokenSource _patience = new(TimeSpan.FromMinutes(10));
    private readonly Random _random = new(Seed);
    private ServerPair? _servers;

    private ServerPair Servers => _servers!;

    private CancellationToken Token => _patience.Token;

    public async Task InitializeAsync() => _servers = await ServerPair.StartAsync(postgres, Token);

    public async Task DisposeAsync()
    {
        if (_servers is not null)
        {
            await _servers.DisposeAsync();
        }

        _patience.Dispose();
    }

    [Fact]
    public async Task Turn_OfAServerStoppedInIt_ContinuedElsewhere_EndsOnceWhenItWakes()
    {
        using var socket = await TurnSocket.ConnectAsync(Servers[0].Socket, session: null, Token);
        for (var round = 0; round < Rounds; round++)
        {
            await SendAsync(socket, Scripts[round % Scripts.Length], previous: null);
            var id = (await socket.ReceiveAsync(Token)).IdOf();
            for (var frames = _random.Next(FramesBeforeStopMax); frames > 0; frames--)
            {
                await socket.ReceiveAsync(Token);
            }

            await Servers[0].SignalAsync("STOP", Token);
            var next = await ContinueAsync(id);
            await Servers[0].SignalAsync("CONT", Token);
            var terminal = await EndAsync(socket);

            Assert.Equal("response.failed", terminal.TypeOf());
            var response = new ResponseView(terminal.GetProperty("response").GetRawText());
            Assert.True(response.IsInterrupted, response.Raw);
            Assert.Equal(response.Raw, await AgreedAsync($"/v1/responses/{id}"));
            Assert.Equal(next.Raw, await AgreedAsync($"/v1/responses/{next.Id}"));
            await AgreedAsync($"/v1/responses/{next.Id}/input_items?limit=100");
        }

        Assert.Equal(Rounds, await Servers.CountAsync(0, "evergrain_conversations_lost", Token));
        Assert.Equal(0, await Servers.CountAsync(1, "evergrain_conversations_lost", Token));
        await Servers.StopAsync(Token);
        CrashTally.Note(output, $"a server stopped in a turn {Rounds} times, each time refused when it woke up");
    }

    [Fact]
    public async Task Turn_ThatBeginsWhenItsServerIsStopped_IsOneTurnForBothServers()
    {
        var ends = new List<string>();
        using var socket = await TurnSocket.ConnectAsync(Servers[0].Socket, session: null, Token);
        for (var round = 0; round < Rounds; round++)
        {
            await SendAsync(socket, """[{"say":"root"}]""", previous: null);
            var root = (await EndAsync(socket)).IdOf();
            if (round % 2 == 0)
            {
                // It finds the create when it wakes up, and knows nothing of what went on.
                await Servers[0].SignalAsync("STOP", Token);
                await SendAsync(socket, Short, root);
            }
            else
            {
                await SendAsync(socket, Short, root);
                await Task.Delay(TimeSpan.FromMilliseconds(_random.Next(MillisecondsBeforeStopMax)),
                    TimeProvider.System, Token);
                await Servers[0].SignalAsync("STOP", Token);
            }

            var there = await ContinueAsync(root);
            await Servers[0].SignalAsync("CONT", Token);
            var here = await EndAsync(socket);

            Assert.NotEqual(there.Id, here.IdOf());
            Assert.Equal(here.GetProperty("response").GetRawText(), await AgreedAsync($"/v1/responses/{here.IdOf()}"));
            Assert.Equal(there.Raw, await AgreedAsync($"/v1/responses/{there.Id}"));
            await AgreedAsync($"/v1/responses/{here.IdOf()}/input_items");
            Assert.True(round % 2 != 0 || here.TypeOf() == "response.completed", here.GetRawText());
            ends.Add(here.TypeOf());
        }

        await Servers.StopAsync(Token);
        CrashTally.Note(output, $"a server stopped {Rounds} times as a turn began (seed {Seed}): " +
            string.Join(", ", ends.CountBy(end => end).Select(end => $"{end.Value} {end.Key}")));
    }

    private Task SendAsync(TurnSocket socket, string script, string? previous) => socket.SendAsync(
        JsonSerializer.SerializeToUtf8Bytes(new
        {
            type = "response.create",
            model = "demo",
            input = "@@script " + script,
            previous_response_id = previous,
            tools = new[] { new { type = "function", name = "lookup", parameters = new { type = "object" } } },
        }), Token);

    /// <summary>Reads to the terminal event. Whatever came behind it would be found by the next turn.</summary>
    private async Task<JsonElement> EndAsync(TurnSocket socket)
    {
        while (true)
        {
            var frame = await socket.ReceiveAsync(Token);
            if (frame.TypeOf() is "response.completed" or "response.failed" or "response.incomplete")
            {
                return frame;
            }

            Assert.NotEqual("error", frame.TypeOf());
        }
    }

    /// <summary>Continues a turn at the other server.</summary>
    private async Task<ResponseView> ContinueAsync(string id)
    {
        var create = new { model = "demo", input = "Go on without it.", previous_response_id = id };
        using var answer = await Servers.Http[1].PostAsJsonAsync(
            new Uri("/v1/responses", UriKind.Relative), create, Token);
        var body = await answer.Content.ReadAsStringAsync(Token);
        Assert.True(answer.IsSuccessStatusCode, body);
        var response = new ResponseView(body);
        Assert.Equal((id, "completed"), (response.Previous, response.Status));
        return response;
    }

    /// <summary>What both servers say.</summary>
    private async Task<string> AgreedAsync(string path)
    {
        var uri = new Uri(path, UriKind.Relative);
        var one = await Servers.Http[0].GetStringAsync(uri, Token);
        Assert.Equal(one, await Servers.Http[1].GetStringAsync(uri, Token));
        return one;
    }
}
