using System.Text;
using Evergrain.Conversations.Items;
using Evergrain.Frontend.Tests.Crash;
using Evergrain.Tests.Services;
using Xunit.Abstractions;

namespace Evergrain.Frontend.Tests.Balanced;

/// <summary>
/// Two servers on one PostgreSQL behind HAProxy, with the configuration that users get, and many clients in tool loops:
/// a hundred with the full counts.
/// </summary>
[Trait("Needs", "Postgres")]
[Trait("Needs", "HAProxy")]
[Collection(nameof(PostgresProcessTests))]
public sealed class BalancedServersTests(PostgresServer postgres, ITestOutputHelper output) : IAsyncLifetime
{
    private const int SeedDefault = 20260218;
    private const int TurnsPerConnection = 3;
    private const double WarmShareMin = 0.99;
    private static readonly bool IsLong = Environment.GetEnvironmentVariable("EVERGRAIN_LONG") is { Length: > 0 };
    private static readonly int Clients = IsLong ? 100 : 24;
    private static readonly int FramesBetweenMoves = IsLong ? 1_500 : 250;
    private static readonly int TurnsEach = IsLong ? 10 : 6;
    private static readonly int Kills = IsLong ? 40 : 2;
    private static readonly int Moves = IsLong ? 40 : 1;
    private static readonly int Seed =
        int.TryParse(Environment.GetEnvironmentVariable("EVERGRAIN_SEED"), out var given) ? given : SeedDefault;

    private readonly CancellationTokenSource _patience = new(TimeSpan.FromMinutes(IsLong ? 20 : 4));
    private ServerPair? _servers;
    private HaproxyProcess? _balancer;

    private ServerPair Servers => _servers!;

    private HaproxyProcess Balancer => _balancer!;

    private CancellationToken Token => _patience.Token;

    private Uri Address => new($"http://127.0.0.1:{Balancer.Port}");

    private Uri Socket => new($"ws://127.0.0.1:{Balancer.Port}/v1/responses");

    public async Task InitializeAsync() => _servers = await ServerPair.StartAsync(postgres, Token);

    public async Task DisposeAsync()
    {
        if (_balancer is not null)
        {
            await _balancer.DisposeAsync();
        }

        if (_servers is not null)
        {
            await _servers.DisposeAsync();
        }

        _patience.Dispose();
    }

    [Fact]
    public async Task Servers_KilledInTurn_LoseAndDoubleNoTurn()
    {
        using var crowd = await RunMovesAsync(Kills, async server =>
        {
            await Servers.KillAsync(server);
            await Servers.StartAsync(server, Token);
            await Balancer.UntilUpAsync(ServerPair.Names[server], Token);
        });

        Note($"{Kills} times one of two servers killed: {crowd.Story}");
        Assert.NotEqual(0, crowd.Interrupted);
    }

    [Fact]
    public async Task Clients_MovedToTheOtherServer_LoseAndDoubleNoTurn()
    {
        using var crowd = await RunMovesAsync(Moves, async server =>
        {
            await Balancer.EvictAsync(ServerPair.Names[server], Token);
            await Task.Delay(TimeSpan.FromMilliseconds(500), TimeProvider.System, Token);
            await Balancer.AdmitAsync(ServerPair.Names[server], Token);
        });

        Note($"{Moves} times all clients of one server moved to the other: {crowd.Story}");
    }

    [Fact]
    public async Task Server_DrainedAndStopped_InterruptsNoTurn()
    {
        using var crowd = await RunMovesAsync(Moves, async server =>
        {
            await Balancer.DrainAsync(ServerPair.Names[server], Token);
            await Servers[server].TerminateAsync(Token);
            Assert.Equal((0, ""), await Servers[server].ExitAsync(Token));
            await Servers.StartAsync(server, Token);
            await Balancer.AdmitAsync(ServerPair.Names[server], Token);
        });

        Note($"{Moves} times one of two servers drained and stopped: {crowd.Story}");
        Assert.Equal(0, crowd.Interrupted);
    }

    [Fact]
    public async Task Turns_OfClientsThatReconnect_AreWarmWithStickiness()
    {
        _balancer = await HaproxyProcess.StartAsync(Servers.Ports, isSticky: true, Token);
        using var crowd = new Crowd(Clients, Seed, MakeSocketClient);
        crowd.Start(Token, TurnsEach);
        await crowd.EndedAsync();
        var cold = await Servers.CountColdAsync(crowd.Conversations.Count, Token);

        var warm = 1 - ((double)cold / crowd.Turns.Count());
        Note($"with stickiness, a new connection every {TurnsPerConnection} turns: {warm:P2} warm; {crowd.Story}");
        Assert.InRange(warm, WarmShareMin, 1);
        foreach (var server in (int[])[0, 1])
        {
            Assert.NotEqual(0, await Servers.CountAsync(server, "evergrain_conversations_activated", Token));
        }

        await CheckAsync(crowd);
    }

    [Fact]
    public async Task Turns_WithoutStickiness_AreRight()
    {
        _balancer = await HaproxyProcess.StartAsync(Servers.Ports, isSticky: false, Token);
        using var crowd = new Crowd(Clients, Seed, (number, chooser) => number % 2 == 0
            ? new SocketClient(chooser, Socket, $"session-{number}", turnsPerConnection: 1)
            : new PostClient(chooser, Address));
        crowd.Start(Token, TurnsEach);
        await crowd.EndedAsync();
        var cold = await Servers.CountColdAsync(crowd.Conversations.Count, Token);

        var warm = 1 - ((double)cold / crowd.Turns.Count());
        Note($"without stickiness, a new connection or request for each turn: {warm:P1} warm; {crowd.Story}");
        Assert.All(crowd.Turns, turn => Assert.Equal(DigestOf(turn), turn.Response!.Digest));
        Assert.Equal(0, crowd.Interrupted);
        await CheckAsync(crowd);
    }

    /// <summary>What the client works out from the items it sent and got.</summary>
    private static string DigestOf(SentTurn turn) => turn.Context().Concat(turn.Response!.Output).Aggregate(
        ItemDigest.Root,
        (digest, item) => ItemDigest.Chain(digest, Encoding.UTF8.GetBytes(item.GetRawText()))).ToString();

    /// <summary>Has clients run turns while something happens to one server, then to the other.</summary>
    private async Task<Crowd> RunMovesAsync(int moves, Func<int, Task> move)
    {
        _balancer = await HaproxyProcess.StartAsync(Servers.Ports, isSticky: true, Token);
        var crowd = new Crowd(Clients, Seed, MakeSocketClient);
        crowd.Start(Token);
        for (var i = 0; i < moves; i++)
        {
            await crowd.SeeAsync(FramesBetweenMoves);
            await move(i % 2);
        }

        await crowd.SeeAsync(FramesBetweenMoves);
        await crowd.StopAsync();
        await CheckAsync(crowd);
        return crowd;
    }

    private SocketClient MakeSocketClient(int number, TurnChooser chooser) =>
        new(chooser, Socket, $"session-{number}", TurnsPerConnection);

    /// <summary>Both servers hold what the clients saw, and had nothing to complain of.</summary>
    private async Task CheckAsync(Crowd crowd)
    {
        await crowd.CheckAsync(Servers.Http[0], Token);
        await crowd.CheckAsync(Servers.Http[1], Token);
        await Servers.StopAsync(Token);
    }

    private void Note(string line) => CrashTally.Note(output, $"two servers (seed {Seed}): {line}");
}
