using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Evergrain.Suites.Crash;

namespace Evergrain.Frontend.Tests.Crash;

/// <summary>A process that meets the end of the files it may have open.</summary>
[Collection(nameof(ProcessTests))]
public sealed class OpenFilesTests : IDisposable
{
    private const int Strangers = 200;
    private static readonly Uri Ready = new("health/ready", UriKind.Relative);
    private static readonly byte[] Create = Encoding.UTF8.GetBytes(
        """{"type":"response.create","model":"demo","input":"hello"}""");

    private readonly DirectoryInfo _data = Directory.CreateTempSubdirectory("evergrain-files-");
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromMinutes(3));

    private CancellationToken Token => _patience.Token;

    public void Dispose()
    {
        _patience.Dispose();
        _data.Delete(recursive: true);
    }

    [Fact]
    public async Task WithoutAFileForAConnection_ItWaitsAndSaysSoOnce_AndOpenSocketsGoOn()
    {
        await using var server = await ServerProcess.StartAsync(ServerSettings.OnSqlite(_data.FullName), Token);
        using var socket = await TurnSocket.ConnectAsync(server.Socket, session: null, Token);
        await RunTurnAsync(socket);
        var limit = await LimitAsync(server, Directory.GetFiles($"/proc/{server.Id}/fd").Length + 2);

        var strangers = new List<TcpClient>();
        try
        {
            await ConnectAsync(server, strangers);
            var before = server.ProcessorTime;
            var began = TimeProvider.System.GetTimestamp();
            for (var i = 0; i < 10; i++)
            {
                await RunTurnAsync(socket);
                await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, Token);
            }

            // A listener that tries again without a pause takes a whole processor.
            var share = (server.ProcessorTime - before) / TimeProvider.System.GetElapsedTime(began);
            Assert.InRange(share, 0, 0.5);
        }
        finally
        {
            strangers.ForEach(static stranger => stranger.Dispose());
        }

        await LimitAsync(server, limit);
        using var http = server.CreateHttpClient();
        using var answer = await http.GetAsync(Ready, Token);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        await RunTurnAsync(socket);

        await server.TerminateAsync(Token);
        var (code, error) = await server.ExitAsync(Token);
        Assert.Equal(0, code);

        // On a slow machine a stranger may be closed meanwhile, which makes room for one more.
        var lines = error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.InRange(lines.Length, 2, 6);
        Assert.All(lines.Index(), static line => Assert.Contains(line.Index % 2 == 0
            ? "cannot accept a connection"
            : "accepts connections again", line.Item, StringComparison.Ordinal));
    }

    [Fact]
    public async Task WithFewFiles_ItLowersItsBounds_AndStrangersLeaveRoomForSockets()
    {
        const int files = 512;
        await using var server = await ServerProcess.StartAsync(
            ServerSettings.OnSqlite(_data.FullName) with { FilesMax = files }, Token);
        using var socket = await TurnSocket.ConnectAsync(server.Socket, session: null, Token);

        // A fifth of the half that is not kept is theirs; the others are closed.
        var strangers = new List<TcpClient>();
        try
        {
            await ConnectAsync(server, strangers);
            await RunTurnAsync(socket);
            Assert.InRange(Directory.GetFiles($"/proc/{server.Id}/fd").Length, 0, files - 100);
        }
        finally
        {
            strangers.ForEach(static stranger => stranger.Dispose());
        }

        await server.TerminateAsync(Token);
        var (code, error) = await server.ExitAsync(Token);
        Assert.Equal(0, code);
        Assert.Contains("answer probes alone", error, StringComparison.Ordinal);

        // The framework may reject some too, while others are being closed.
        Assert.InRange(error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length, 1, 3);
    }

    private async Task ConnectAsync(ServerProcess server, List<TcpClient> strangers)
    {
        for (var i = 0; i < Strangers; i++)
        {
            var stranger = new TcpClient();
            strangers.Add(stranger);
            await stranger.ConnectAsync(server.Address.Host, server.Address.Port, Token);
        }
    }

    private async Task RunTurnAsync(TurnSocket socket)
    {
        await socket.SendAsync(Create, Token);
        string type;
        do
        {
            type = (await socket.ReceiveAsync(Token)).GetProperty("type").GetString()!;
        }
        while (type is not ("response.completed" or "response.failed" or "error"));

        Assert.Equal("response.completed", type);
    }

    /// <summary>Sets how many files the process may have open; returns how many it might before.</summary>
    private async Task<long> LimitAsync(ServerProcess server, long files)
    {
        var before = Evergrain.Frontend.Listening.OpenFiles.MaxOf(
            await File.ReadAllLinesAsync($"/proc/{server.Id}/limits", Token));
        using var limit = Process.Start("prlimit", [
            $"--pid={server.Id.ToString(CultureInfo.InvariantCulture)}",
            $"--nofile={files.ToString(CultureInfo.InvariantCulture)}:"]);
        await limit.WaitForExitAsync(Token);
        Assert.Equal(0, limit.ExitCode);
        return before!.Value;
    }
}
