using System.Net;
using System.Net.Http.Json;
using Evergrain.Suites.Crash;
using Evergrain.Tests.Services;
using Xunit.Abstractions;

namespace Evergrain.Frontend.Tests.Crash;

/// <summary>A server goes on by itself while its storage stops, is silent, or cannot be reached.</summary>
[Trait("Needs", "Azurite")]
[Collection(nameof(AzuriteProcessTests))]
public sealed class AzureOutageTests(AzuriteServer azurite, ITestOutputHelper output) : IAsyncLifetime
{
    private const int Clients = 16;
    private const int FramesBetween = 400;
    private const int Rounds = 2;
    private static readonly bool IsLong = Environment.GetEnvironmentVariable("EVERGRAIN_LONG") is { Length: > 0 };
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(IsLong ? 30 : 4);
    private static readonly int Seed =
        int.TryParse(Environment.GetEnvironmentVariable("EVERGRAIN_SEED"), out var given) ? given : 20260219;

    private readonly string _container = azurite.NewContainer();
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromMinutes(IsLong ? 20 : 10));
    private CuttingProxy _blobs = null!;
    private CuttingProxy _tables = null!;

    private CancellationToken Token => _patience.Token;

    public async Task InitializeAsync()
    {
        await azurite.StartAsync();
        (_blobs, _tables) = (new CuttingProxy(azurite.BlobPort), new CuttingProxy(azurite.TablePort));
    }

    public async Task DisposeAsync()
    {
        await azurite.StartAsync();
        await _blobs.DisposeAsync();
        await _tables.DisposeAsync();
        _patience.Dispose();
    }

    [Fact]
    public async Task Storage_StoppedAndStarted_EveryTurnEndsAndNoneIsLost()
    {
        using var crowd = await RunAsync(Settings(), async crowd =>
        {
            for (var round = 0; round < Rounds; round++)
            {
                await crowd.SeeAsync(FramesBetween);
                await azurite.StopAsync();
                await azurite.StartAsync();
                await crowd.EachGoesOnAsync(Token);
            }
        });

        Note($"Azurite stopped {Rounds} times: {crowd.Story}");
    }

    [Fact]
    public async Task Storage_Silent_EveryTurnEndsAndNoneIsLost()
    {
        using var crowd = await RunAsync(Settings(), async crowd =>
        {
            await crowd.SeeAsync(FramesBetween);
            azurite.Pause();
            await Task.Delay(Silence, TimeProvider.System, Token);
            azurite.Resume();
        });

        Note($"Azurite silent for {Silence.TotalSeconds} s: {crowd.Story}");
    }

    [Fact]
    public async Task Storage_AwayForLongerThanIsWaitedFor_ClientsAreToldSoAndTheServerGoesOn()
    {
        using var crowd = await RunAsync(Settings().With("Azure__RetriesMax", "1"), async crowd =>
        {
            await crowd.SeeAsync(FramesBetween);
            _blobs.Sever();
            _tables.Sever();
            await crowd.EachIsRefusedAsync(Token);
            _blobs.IsClosed = _tables.IsClosed = false;
        });

        Note($"Azurite away until every client was told so: {crowd.Story}");
    }

    [Fact]
    public async Task Storage_AwayFromAnIdleServer_ItIsNotReadyOnceACreateHasFailed_UntilItIsBack()
    {
        await using var server = await ServerProcess.StartAsync(
            Settings().With("Azure__RetriesMax", "1"), Token);
        using var http = server.CreateHttpClient();
        _blobs.Sever();
        _tables.Sever();

        using var refused = await http.PostAsJsonAsync(
            new Uri("v1/responses", UriKind.Relative), new { model = "demo", input = "hello" }, Token);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await http.AskReadyAsync(Token));

        _blobs.IsClosed = _tables.IsClosed = false;
        await http.UntilReadyAsync(Token);
    }

    private ServerSettings Settings() =>
        ServerSettings.OnAzure(AzuriteServer.ConnectionStringOver(_blobs.Port, _tables.Port), _container);

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

    private void Note(string line) => CrashTally.Note(output, $"outage of Azurite (seed {Seed}): {line}");
}
