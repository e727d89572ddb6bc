using System.Globalization;
using Evergrain.Cluster.Tests.Faults;

namespace Evergrain.Cluster.Tests.Hostile;

/// <summary>What the processes of a cluster take from the machine, and whether they run.</summary>
internal sealed class ProcessWatch(ClusterProcesses cluster)
{
    private const long PageBytes = 4096;

    /// <summary>The most memory that one process held at any look, in bytes.</summary>
    public long MemoryMax { get; private set; }

    /// <summary>Open files of the process that has the most.</summary>
    public int Files => All.Max(static process => Directory.GetFiles($"/proc/{process.Id}/fd").Length);

    private IEnumerable<ClusterProcess> All => cluster.Silos.Concat(cluster.Frontends);

    /// <summary>Fails if a process is gone, or holds more memory than it may.</summary>
    public void Look(long memoryMax)
    {
        foreach (var process in All)
        {
            Assert.False(process.HasExited, $"{process.Name} is gone, and nobody ended it.\n{process.Story}");
            MemoryMax = Math.Max(MemoryMax, MemoryOf(process));
            Assert.InRange(MemoryOf(process), 0, memoryMax);
        }
    }

    private static long MemoryOf(ClusterProcess process) => PageBytes * long.Parse(
        File.ReadAllText($"/proc/{process.Id}/statm").Split(' ')[1], CultureInfo.InvariantCulture);
}
