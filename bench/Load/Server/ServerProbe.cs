using System.Globalization;
using System.Runtime.InteropServices;

namespace Evergrain.Load.Server;

/// <summary>Sums of what a server did since it started.</summary>
/// <param name="Processor">Processor time of all its threads.</param>
/// <param name="Allocated">Bytes allocated on the managed heap.</param>
/// <param name="Journaled">Bytes of frames handed to the journal.</param>
/// <param name="Disk">Bytes the process made the disk write: the write-ahead log and its checkpoints.</param>
internal readonly record struct ServerSums(TimeSpan Processor, double Allocated, double Journaled, double Disk)
{
    public static ServerSums operator -(ServerSums left, ServerSums right) => new(
        left.Processor - right.Processor, left.Allocated - right.Allocated,
        left.Journaled - right.Journaled, left.Disk - right.Disk);

    public static ServerSums operator +(ServerSums left, ServerSums right) => new(
        left.Processor + right.Processor, left.Allocated + right.Allocated,
        left.Journaled + right.Journaled, left.Disk + right.Disk);
}

/// <summary>Looks at a server from outside: its metrics, and what Linux knows of its process.</summary>
internal sealed partial class ServerProbe(int processId, int port) : IDisposable
{
    /// <summary>The key that it sends, for servers that have keys.</summary>
    public const string OperatorKey = "operator";

    // The unit, then the kind. Source: how OpenTelemetry names become those of Prometheus.
    private static readonly string[] Suffixes = ["_bytes", "_seconds", "_total"];

    private readonly HttpClient _http = new()
    {
        BaseAddress = new Uri($"http://127.0.0.1:{port}"),
        DefaultRequestHeaders = { { "Authorization", $"Bearer {OperatorKey}" } },
    };

    /// <summary>
    /// Reads the sums. Answering costs the server some 100 µs and 100 KB, which the next difference holds.
    /// </summary>
    public async Task<ServerSums> SumsAsync(CancellationToken cancellationToken)
    {
        var metrics = await _http.GetStringAsync(new Uri("/metrics", UriKind.Relative), cancellationToken);
        return new ServerSums(
            ProcessorTime(),
            Metric(metrics, "dotnet_gc_heap_total_allocated"),
            Metric(metrics, "evergrain_bytes_journaled"),
            DiskBytes());
    }

    /// <summary>One metric as it stands, its series added up.</summary>
    public async Task<double> MetricAsync(string name, CancellationToken cancellationToken) =>
        Metric(await _http.GetStringAsync(new Uri("/metrics", UriKind.Relative), cancellationToken), name);

    public async Task<bool> IsReadyAsync(CancellationToken cancellationToken)
    {
        try
        {
            using var answer = await _http.GetAsync(new Uri("/health/ready", UriKind.Relative), cancellationToken);
            return answer.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    /// <summary>Processor time of the whole process, dead threads included, to the nanosecond.</summary>
    /// <remarks>Source: clock_getcpuclockid(3): a process's clock id is the complement of its id, and 2 for scheduled
    /// time.</remarks>
    public TimeSpan ProcessorTime()
    {
        const int scheduled = 2;
        return GetTime((~processId << 3) | scheduled, out var time) == 0
            ? TimeSpan.FromSeconds(time.Seconds) + TimeSpan.FromMicroseconds(time.Nanoseconds / 1000.0)
            : throw new InvalidOperationException("The server's processor time cannot be read.");
    }

    /// <summary>Calls of the read and write kind that it made. Source: proc_pid_io(5).</summary>
    public long SystemCalls() => Field("io", "syscr:") + Field("io", "syscw:");

    /// <summary>Bytes of its memory that are in RAM.</summary>
    public long ResidentBytes() => Field("status", "VmRSS:") * 1024;

    /// <summary>The most that it ever had in RAM.</summary>
    public long PeakBytes() => Field("status", "VmHWM:") * 1024;

    /// <summary>Open files by name, and sockets and the like by their kind.</summary>
    public IReadOnlyList<string> Descriptors() => [.. new DirectoryInfo($"/proc/{processId}/fd").EnumerateFiles()
        .Select(static file => file.LinkTarget?.Split(":[")[0] ?? "gone")];

    /// <summary>The body of an answer.</summary>
    public Task<string> GetAsync(string path, CancellationToken cancellationToken) =>
        _http.GetStringAsync(new Uri(path, UriKind.Relative), cancellationToken);

    public void Dispose() => _http.Dispose();

    // Pages of files made dirty, deleted files apart. Source: proc_pid_io(5).
    private long DiskBytes() => Field("io", "write_bytes:");

    private long Field(string file, string name)
    {
        foreach (var line in File.ReadLines($"/proc/{processId}/{file}"))
        {
            if (line.StartsWith(name, StringComparison.Ordinal))
            {
                var digits = line[name.Length..].Replace("kB", "", StringComparison.Ordinal).Trim();
                return long.Parse(digits, CultureInfo.InvariantCulture);
            }
        }

        throw new InvalidOperationException($"/proc/{processId}/{file} has no '{name}'.");
    }

    private static double Metric(string metrics, string name)
    {
        var sum = 0.0;
        foreach (var line in metrics.Split('\n'))
        {
            var rest = line.StartsWith(name, StringComparison.Ordinal) ? line[name.Length..] : "";
            foreach (var suffix in Suffixes)
            {
                rest = rest.StartsWith(suffix, StringComparison.Ordinal) ? rest[suffix.Length..] : rest;
            }

            if (rest.Length > 0 && rest[0] is ' ' or '{')
            {
                sum += double.Parse(rest[(rest.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture);
            }
        }

        return sum;
    }

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    private static partial int GetTime(int clock, out ClockTime time);

    [StructLayout(LayoutKind.Sequential)]
    private struct ClockTime
    {
        public long Seconds;
        public long Nanoseconds;
    }
}
