using System.Net;
using System.Net.Http.Json;
using Evergrain.Suites.Crash;
using Evergrain.Tests.Services;
using Xunit.Abstractions;

namespace Evergrain.Frontend.Tests.Crash;

/// <summary>A server goes on by itself while its PostgreSQL is killed, stays away, or keeps it waiting.</summary>
[Trait("Needs", "Postgres")]
[Collection(nameof(PostgresProcessTests))]
public sealed class PostgresOutageTests(PostgresServer postgres, ITestOutputHelper output) : IAsyncLifetime
{
    private const int Clients = 16;
    private const int FramesBetween = 400;
    private const int MillisecondsAwayMax = 500;
    private static readonly bool IsLong = Environment.GetEnvironmentVariable("EVERGRAIN_LONG") is { Length: > 0 };
    private static readonly int Kills = IsLong ? 40 : 2;
    private static readonly int Seed =
        int.TryParse(Environment.GetEnvironmentVariable("EVERGRAIN_SEED"), out var given) ? given : 20260219;

    private readonly CancellationTokenSource _patience = new(TimeSpan.FromMinutes(IsLong ? 20 : 10));
    private string _database = "";

    private CancellationToken Token => _patience.Token;

    public async Task InitializeAsync() => _database = await postgres.CreateDatabaseAsync();

    public async Task DisposeAsync()
    {
        await postgres.StartAsync();
        _patience.Dispose();
    }

    [Fact]
    public async Task Postgres_KilledAndRestarted_EveryTurnEndsAndNoneIsLost()
    {
        var random = new Random(Seed);
        using var crowd = await RunAsync(Settings(), async crowd =>
        {
            for (var kill = 0; kill < Kills; kill++)
            {
                await crowd.SeeAsync(FramesBetween);
                await postgres.KillAsync();
                await PassAsync(TimeSpan.FromMilliseconds(random.Next(MillisecondsAwayMax)));
                await postgres.StartAsync();
                await crowd.EachGoesOnAsync(Token);
            }
        });

        Note($"PostgreSQL killed {Kills} times: {crowd.Story}");
    }

    [Fact]
    public async Task Postgres_AwayForLongerThanIsWaitedFor_ClientsAreToldSoAndTheServerGoesOn()
    {
        using var crowd = await RunAsync(Settings().With("Postgres__ReconnectTime", "00:00:01"), async crowd =>
        {
            await crowd.SeeAsync(FramesBetween);
            await postgres.KillAsync();
            await crowd.EachIsRefusedAsync(Token);
            await postgres.StartAsync();
        });

        Note($"PostgreSQL away until every client was told so: {crowd.Story}");
    }

    [Fact]
    public async Task Postgres_KeepsAppendsWaiting_TurnsAreLateAndNoneFails()
    {
        var late = TimeSpan.FromSeconds(1.5);
        using var crowd = await RunAsync(Settings(), async crowd =>
        {
            await crowd.SeeAsync(FramesBetween);
            await using var other = await postgres.ConnectAsync(_database);
            await using var holding = await other.BeginTransactionAsync(Token);
            await using var command = other.CreateCommand();
            command.CommandText = "LOCK TABLE evergrain.appends IN SHARE MODE";
            await command.ExecuteNonQueryAsync(Token);
            await PassAsync(late);
        });

        Note($"PostgreSQL kept appends waiting for {late.TotalSeconds} s: {crowd.Story}");
        Assert.Equal((0, 0), (crowd.Refusals, crowd.Interrupted));
        Assert.True(crowd.LongestTry > late / 2, "Nothing waited.");
    }

    [Fact]
    public async Task Postgres_AwayFromAnIdleServer_ItIsNotReadyOnceACreateHasFailed_UntilItIsBack()
    {
        await using var server = await ServerProcess.StartAsync(
            Settings().With("Postgres__ReconnectTime", "00:00:00.1"), Token);
        using var http = server.CreateHttpClient();
        await postgres.KillAsync();

        using var refused = await http.PostAsJsonAsync(
            new Uri("v1/responses", UriKind.Relative), new { model = "demo", input = "hello" }, Token);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await http.AskReadyAsync(Token));

        await postgres.StartAsync();
        await http.UntilReadyAsync(Token);
    }

    private ServerSettings Settings() => ServerSettings.OnPostgres(postgres.Url(_database));

    /// <summary>Runs clients at a server while something happens and a while longer; then checks every turn.</summary>
    private async Task<Crowd> RunAsync(ServerSettings settings, Func<Crowd, Task> happen)
    {
        await using var server = await ServerProcess.StartAsync(settings, Token);
        var crowd = new Crowd(Clients, Seed, (number, chooser) =>
            new SocketClient(chooser, server.Socket, $"session-{number}", turnsPerConnection: int.MaxValue));
        crowd.Start(Token);
        await happen(crowd);
        await crowd.EachGoesOnAsync(Token);
        await crowd.StopAsync();
        using var http = server.CreateHttpClient();
        await crowd.CheckAsync(http, Token);
        await server.TerminateAsync(Token);
        var (exitCode, error) = await server.ExitAsync(Token);
        Assert.Equal(0, exitCode);
        Note($"the server logged {error.Split('\n').Length - 1} lines");
        return crowd;
    }

    private Task PassAsync(TimeSpan time) => Task.Delay(time, TimeProvider.System, Token);

    private void Note(string line) => CrashTally.Note(output, $"outage (seed {Seed}): {line}");
}
