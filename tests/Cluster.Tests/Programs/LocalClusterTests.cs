using System.Diagnostics;
using System.Globalization;
using Evergrain.Cluster.Tests.Faults;
using Evergrain.Cluster.Tests.Kubernetes;
using Evergrain.Tests.Services;

namespace Evergrain.Cluster.Tests.Programs;

/// <summary>A cluster on one machine, as <c>./run --cluster</c> starts it.</summary>
[Collection(nameof(FaultFreePostgres))]
[Trait("Needs", "Postgres")]
public sealed class LocalClusterTests : IDisposable
{
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromMinutes(4));
    private readonly DirectoryInfo _data = Directory.CreateTempSubdirectory("evergrain-local-");

    private string Processes => Path.Combine(_data.FullName, "processes");

    public void Dispose()
    {
        _patience.Dispose();
        _data.Delete(recursive: true);
    }

    [Fact]
    public async Task Script_Killed_LeavesNoProcess_AndASecondOneIsToldWhichThereAre()
    {
        // PostgreSQL's user must get in.
        if (!OperatingSystem.IsWindows())
        {
            _data.UnixFileMode |= UnixFileMode.OtherExecute;
        }

        await using var first = Begin();
        await first.UntilSaysAsync("Ctrl-C stops all.", _patience.Token);
        var started = await File.ReadAllLinesAsync(Processes, _patience.Token);
        await using var second = Begin();
        Assert.Equal(1, await second.ExitAsync(_patience.Token));

        await first.KillAsync();
        await UntilAsync(() => !File.Exists(Processes));

        Assert.Equal(["postgres", "silo-1", "frontend"], started.Select(static line => line.Split(' ')[0]));
        foreach (var process in started.Select(static line => line.Split(' ')))
        {
            await UntilAsync(() => IsGone(process[1]));
            await UntilAsync(() => second.Story.Contains($"process {process[1]} ({process[0]})",
                StringComparison.Ordinal));
        }

        await using var third = Begin();
        await third.UntilSaysAsync("Ctrl-C stops all.", _patience.Token);
        await third.SignalAsync("TERM", _patience.Token);
        Assert.Equal(0, await third.ExitAsync(_patience.Token));
        Assert.False(File.Exists(Processes));
    }

    private ClusterProcess Begin()
    {
        var port = FreePorts.Next().ToString(CultureInfo.InvariantCulture);
        return ClusterProcess.Begin("cluster", new ProcessStartInfo(
            Repository.Place("deploy/local/cluster"), ["1", "--port", port, "--data", _data.FullName]));
    }

    // One that has ended and that nobody waits for has no command line.
    private static bool IsGone(string process)
    {
        var commandLine = $"/proc/{process}/cmdline";
        return !File.Exists(commandLine) || File.ReadAllBytes(commandLine).Length == 0;
    }

    private async Task UntilAsync(Func<bool> condition)
    {
        while (!condition())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, _patience.Token);
        }
    }
}
