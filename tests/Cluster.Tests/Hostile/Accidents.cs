using System.Diagnostics;
using System.Globalization;
using Evergrain.Cluster.Tests.Faults;
using Evergrain.Tests.Services;

namespace Evergrain.Cluster.Tests.Hostile;

/// <summary>What happens to processes of a cluster meanwhile. Afterwards all of them run.</summary>
internal sealed class Accidents(ClusterProcesses cluster, PostgresServer postgres, Random random)
{
    // The exit code of a silo that the others declared dead.
    private const int DeclaredDead = 3;

    // Without a file the runtime cannot start a thread, and then it aborts the process ("Out of memory.").
    private const int Aborted = 134;

    private static readonly TimeSpan Stop = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan WakeTime = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan AwayMax = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ShortTime = TimeSpan.FromSeconds(3);

    /// <summary>Each kind.</summary>
    public IReadOnlyList<Accident> All =>
    [
        new("a silo killed", KillSiloAsync),
        new("a silo stopped for a while", StopSiloAsync),
        new("PostgreSQL killed", KillPostgresAsync),
        new("a frontend stopped for a while", StopFrontendAsync),
        new("no file left for a frontend", TakeFilesOfFrontendAsync),
        new("a frontend killed", KillFrontendAsync),
        new("no file left for a silo", TakeFilesOfSiloAsync),
    ];

    /// <summary>Silos that others declared dead while they were stopped, and that were started again.</summary>
    public int DeclaredDeadSilos { get; private set; }

    /// <summary>Processes that the runtime ended, since they had no file left, and that were started again.</summary>
    public int AbortedProcesses { get; private set; }

    private async Task KillSiloAsync(CancellationToken token)
    {
        var (number, silo) = Any(cluster.Silos);
        await silo.KillAsync();
        await cluster.RestartSiloAsync(number, token);
    }

    private async Task KillFrontendAsync(CancellationToken token)
    {
        var (number, frontend) = Any(cluster.Frontends);
        await frontend.KillAsync();
        await cluster.RestartFrontendAsync(number, token);
    }

    private async Task KillPostgresAsync(CancellationToken token)
    {
        await postgres.KillAsync();
        await Task.Delay(AwayMax * random.NextDouble(), TimeProvider.System, token);
        await postgres.StartAsync();
    }

    private async Task StopFrontendAsync(CancellationToken token) =>
        await StopAsync(Any(cluster.Frontends).Process, token);

    /// <summary>On a busy machine the others may take it for dead; then it must end by itself, and say so.</summary>
    private async Task StopSiloAsync(CancellationToken token)
    {
        var (number, silo) = Any(cluster.Silos);
        await StopAsync(silo, token);
        using var waking = CancellationTokenSource.CreateLinkedTokenSource(token);
        waking.CancelAfter(WakeTime);
        try
        {
            Assert.Equal(DeclaredDead, await silo.ExitAsync(waking.Token));
        }
        catch (OperationCanceledException) when (!token.IsCancellationRequested)
        {
            // It goes on.
            return;
        }

        DeclaredDeadSilos++;
        await cluster.RestartSiloAsync(number, token);
    }

    private static async Task StopAsync(ClusterProcess process, CancellationToken token)
    {
        await process.SignalAsync("STOP", token);
        await Task.Delay(Stop, TimeProvider.System, token);
        await process.SignalAsync("CONT", token);
    }

    private async Task TakeFilesOfFrontendAsync(CancellationToken token)
    {
        var (number, frontend) = Any(cluster.Frontends);
        if (!await OutlivesAsync(frontend, token))
        {
            await cluster.RestartFrontendAsync(number, token);
        }
    }

    private async Task TakeFilesOfSiloAsync(CancellationToken token)
    {
        var (number, silo) = Any(cluster.Silos);
        if (!await OutlivesAsync(silo, token))
        {
            await cluster.RestartSiloAsync(number, token);
        }
    }

    /// <summary>Whether a process goes on that had no file left for a while.</summary>
    private async Task<bool> OutlivesAsync(ClusterProcess process, CancellationToken token)
    {
        var open = Directory.GetFiles($"/proc/{process.Id}/fd").Length;
        Assert.True(await TryLimitAsync(process, open + 2, token));
        await Task.Delay(ShortTime, TimeProvider.System, token);
        if (await TryLimitAsync(process, HostileTests.FilesMax, token))
        {
            return true;
        }

        Assert.Equal(Aborted, await process.ExitAsync(token));
        AbortedProcesses++;
        return false;
    }

    /// <summary>Bounds a process' files; false: it is gone.</summary>
    private static async Task<bool> TryLimitAsync(ClusterProcess process, int files, CancellationToken token)
    {
        using var limit = Process.Start("prlimit", [
            $"--pid={process.Id.ToString(CultureInfo.InvariantCulture)}",
            $"--nofile={files.ToString(CultureInfo.InvariantCulture)}:"]);
        await limit.WaitForExitAsync(token);
        return limit.ExitCode == 0;
    }

    private (int Number, ClusterProcess Process) Any(IReadOnlyList<ClusterProcess> processes)
    {
        var number = random.Next(processes.Count);
        return (number, processes[number]);
    }
}

/// <summary>One kind of accident.</summary>
internal sealed record Accident(string Name, Func<CancellationToken, Task> HappenAsync);
