using System.Text;
using System.Text.Json;
using Evergrain.Suites.Crash;

namespace Evergrain.Frontend.Tests.Crash;

/// <summary>A process that stands still for longer than a lease lasts, as on a suspended machine.</summary>
[Trait("Needs", "Long")]
[Collection(nameof(ProcessTests))]
public sealed class StandstillTests : IDisposable
{
    private static readonly TimeSpan Standstill = TimeSpan.FromSeconds(70);

    private readonly DirectoryInfo _data = Directory.CreateTempSubdirectory("evergrain-still-");
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromMinutes(5));

    private CancellationToken Token => _patience.Token;

    public void Dispose()
    {
        _patience.Dispose();
        _data.Delete(recursive: true);
    }

    [Fact]
    public async Task UnstoredTurn_OfASocketThatIsStillThere_CanBeContinuedAfterwards()
    {
        await using var server = await ServerProcess.StartAsync(ServerSettings.OnSqlite(_data.FullName), Token);
        using var socket = await TurnSocket.ConnectAsync(server.Socket, session: null, Token);
        var first = await RunTurnAsync(socket, previous: null);

        await server.SignalAsync("STOP", Token);
        await Task.Delay(Standstill, TimeProvider.System, Token);
        await server.SignalAsync("CONT", Token);

        await RunTurnAsync(socket, first);
        await server.TerminateAsync(Token);
        Assert.Equal((0, ""), await server.ExitAsync(Token));
    }

    private async Task<string> RunTurnAsync(TurnSocket socket, string? previous)
    {
        await socket.SendAsync(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(new
        {
            type = "response.create",
            model = "demo",
            input = "hello",
            store = false,
            previous_response_id = previous,
        })), Token);
        JsonElement frame;
        do
        {
            frame = await socket.ReceiveAsync(Token);
        }
        while (frame.GetProperty("type").GetString() is not ("response.completed" or "response.failed" or "error"));

        Assert.Equal("response.completed", frame.GetProperty("type").GetString());
        return frame.GetProperty("response").GetProperty("id").GetString()!;
    }
}
