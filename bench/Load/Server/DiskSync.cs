using System.Diagnostics;
using Evergrain.Load.Report;

namespace Evergrain.Load.Server;

/// <summary>
/// How long the disk under a directory takes to make a few KB durable: what no durable turn can be faster than.
/// </summary>
internal static class DiskSync
{
    private const int Tries = 200;

    // What a turn's append writes to SQLite's log, about; written over in place, as a log that was checkpointed is.
    private const int Bytes = 8 << 10;

    /// <summary>Times a write over old bytes and its fsync, in microseconds.</summary>
    public static Samples Measure(string directory)
    {
        Directory.CreateDirectory(directory);
        var path = Path.Combine(directory, "sync-probe");
        var samples = new Samples();
        using (var file = File.OpenHandle(path, FileMode.Create, FileAccess.ReadWrite, FileShare.None,
            FileOptions.DeleteOnClose))
        {
            var block = new byte[Bytes];
            RandomAccess.Write(file, new byte[Bytes * Tries], 0);
            RandomAccess.FlushToDisk(file);
            for (var i = 0; i < Tries; i++)
            {
                var begun = Stopwatch.GetTimestamp();
                RandomAccess.Write(file, block, (long)i * Bytes);
                RandomAccess.FlushToDisk(file);
                samples.Add(Stopwatch.GetElapsedTime(begun).TotalMicroseconds);
            }
        }

        return samples;
    }
}
