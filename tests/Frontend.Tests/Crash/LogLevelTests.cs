using System.Text;
using Evergrain.Suites.Crash;
using Evergrain.Suites.Hosting;

namespace Evergrain.Frontend.Tests.Crash;

/// <summary>Levels of the log, as users set them.</summary>
[Collection(nameof(ProcessTests))]
public sealed class LogLevelTests : IDisposable
{
    private readonly DirectoryInfo _data = Directory.CreateTempSubdirectory("evergrain-levels-");
    private readonly CancellationTokenSource _patience = new(2 * TestServer.Patience);

    private CancellationToken Token => _patience.Token;

    public void Dispose()
    {
        _patience.Dispose();
        _data.Delete(recursive: true);
    }

    [Theory]
    [InlineData("Debug", true)]
    [InlineData("Information", false)]
    public async Task LogOfTurns_AtALevel_HasALineForEach(string level, bool isExpected)
    {
        var settings = ServerSettings.OnSqlite(_data.FullName) with
        {
            Environment = new Dictionary<string, string>
            {
                ["Logging__LogLevel__Evergrain.Frontend.Telemetry"] = level,
            },
        };
        await using var server = await ServerProcess.StartAsync(settings, Token);
        using var socket = await TurnSocket.ConnectAsync(server.Socket, session: null, Token);
        await socket.SendAsync(
            Encoding.UTF8.GetBytes("""{"type":"response.create","model":"demo","input":"a secret"}"""), Token);
        while ((await socket.ReceiveAsync(Token)).GetProperty("type").GetString() != "response.completed")
        {
            // The turn runs.
        }

        await server.TerminateAsync(Token);
        var (_, log) = await server.ExitAsync(Token);
        Assert.Equal(isExpected, log.Contains("Response resp_", StringComparison.Ordinal));
        Assert.DoesNotContain("secret", log, StringComparison.Ordinal);
    }
}
