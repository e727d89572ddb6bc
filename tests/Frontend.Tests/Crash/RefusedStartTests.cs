using Evergrain.Suites.Crash;

namespace Evergrain.Frontend.Tests.Crash;

/// <summary>A server that cannot keep its promises does not start: one sentence on stderr, and exit code 1.</summary>
[Collection(nameof(ProcessTests))]
public sealed class RefusedStartTests : IDisposable
{
    private const int DatabaseHeaderBytes = 100;
    private readonly DirectoryInfo _data = Directory.CreateTempSubdirectory("evergrain-refused-");
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromMinutes(5));

    private string DatabaseFile => Path.Combine(_data.FullName, "evergrain.db");

    public void Dispose()
    {
        _patience.Dispose();
        _data.Delete(recursive: true);
    }

    [Theory]
    [InlineData("--api-key secret=Not_Lower", "tenant")]
    [InlineData("--api-key secret=", "tenant")]
    [InlineData("--address 192.0.2.1", "loopback")]
    public async Task Options_Unsafe_AreRefused(string options, string expected) =>
        await AssertRefusedAsync(expected, options.Split(' '));

    [Fact]
    public async Task PostgresSetting_OutOfRange_IsRefused() => await AssertRefusedAsync("WritersMax",
        new ServerSettings("--journal-url", "postgres://127.0.0.1:1/none").With("Postgres__WritersMax", "65"));

    [Fact]
    public async Task DataDirectory_HeldByARunningServer_IsRefusedAndTheServerGoesOn()
    {
        await using var first = await StartAsync();

        await AssertRefusedAsync("in use by another process");

        using var client = new CrashClient(new TurnChooser(0, new Random(1), []));
        await client.ConnectAsync(first.Socket, _patience.Token);
        var frames = new FrameGate(20);
        var running = client.RunUntilCutAsync(frames.Count, _patience.Token);
        await frames.OpenedBeforeAsync(running);
        await first.KillAsync();
        await running;
    }

    [Fact]
    public async Task Database_Garbage_IsRefused()
    {
        await File.WriteAllTextAsync(DatabaseFile, new string('x', 1 << 16), _patience.Token);

        await AssertRefusedAsync("is damaged");
    }

    [Fact]
    public async Task Database_CutShort_IsRefused()
    {
        await using (var first = await StartAsync())
        {
            await first.TerminateAsync(_patience.Token);
            Assert.Equal((0, ""), await first.ExitAsync(_patience.Token));
        }

        await using (var file = File.OpenWrite(DatabaseFile))
        {
            file.SetLength(DatabaseHeaderBytes);
        }

        await AssertRefusedAsync("is damaged");
    }

    private Task<ServerProcess> StartAsync() =>
        ServerProcess.StartAsync(ServerSettings.OnSqlite(_data.FullName), _patience.Token);

    private Task AssertRefusedAsync(string expected, params string[] options) => AssertRefusedAsync(
        expected, new ServerSettings(["--port", "0", "--data", _data.FullName, .. options]));

    private static async Task AssertRefusedAsync(string expected, ServerSettings settings)
    {
        var (exitCode, error) = await ServerProcess.RefuseAsync(settings);
        Assert.Equal(1, exitCode);
        var sentence = Assert.Single(error.TrimEnd().Split('\n'));
        Assert.StartsWith("evergrain: ", sentence, StringComparison.Ordinal);
        Assert.Contains(expected, sentence, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", sentence, StringComparison.Ordinal);
    }
}
