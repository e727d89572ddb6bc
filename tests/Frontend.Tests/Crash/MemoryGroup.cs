using System.Globalization;

namespace Evergrain.Frontend.Tests.Crash;

/// <summary>
/// A bound on the memory of a server process: a control group where this user may make one, and else a bound on the
/// heap alone.
/// </summary>
internal sealed class MemoryGroup : IDisposable
{
    private const string Root = "/sys/fs/cgroup";
    private readonly string? _directory;

    private MemoryGroup(string? directory, long bytes) => (_directory, Bytes) = (directory, bytes);

    /// <summary>How much memory the process may have.</summary>
    public long Bytes { get; }

    /// <summary>What bounds it, for people.</summary>
    public string Kind => _directory is null ? "DOTNET_GCHeapHardLimit, since no memory cgroup can be made" :
        $"the memory cgroup {_directory}";

    /// <summary>How often the kernel killed one of the group for its memory; null: nobody counts.</summary>
    public int? Kills => _directory is null ? null : File.ReadLines(Path.Combine(_directory, EventsFile))
        .Where(static line => line.StartsWith("oom_kill ", StringComparison.Ordinal))
        .Select(static line => int.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture))
        .SingleOrDefault();

    private static bool IsUnified => File.Exists(Path.Combine(Root, "cgroup.controllers"));

    private static string EventsFile => IsUnified ? "memory.events" : "memory.oom_control";

    /// <summary>A group for one process.</summary>
    public static MemoryGroup Create(long bytes)
    {
        var parent = IsUnified ? Root : Path.Combine(Root, "memory");
        var directory = Path.Combine(parent, $"evergrain-{Guid.CreateVersion7():N}");
        try
        {
            Directory.CreateDirectory(directory);
            var limit = Path.Combine(directory, IsUnified ? "memory.max" : "memory.limit_in_bytes");
            if (File.Exists(limit))
            {
                File.WriteAllText(limit, bytes.ToString(CultureInfo.InvariantCulture));
                return new MemoryGroup(directory, bytes);
            }

            Directory.Delete(directory);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Another user, or a container that may not.
        }

        return new MemoryGroup(null, bytes);
    }

    /// <summary>The settings of a server that runs in it.</summary>
    public ServerSettings Bound(ServerSettings settings) => _directory is null
        ? settings with
        {
            Environment = new Dictionary<string, string>(settings.Environment)
            {
                ["DOTNET_GCHeapHardLimit"] = Bytes.ToString("X", CultureInfo.InvariantCulture),
            },
        }
        : settings with { Group = Path.Combine(_directory, "cgroup.procs") };

    public void Dispose()
    {
        // A control group is removed as a directory is, when its last process is gone.
        if (_directory is not null)
        {
            Directory.Delete(_directory);
        }
    }
}
