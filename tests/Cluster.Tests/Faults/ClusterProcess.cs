using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Evergrain.Suites.Hosting;

namespace Evergrain.Cluster.Tests.Faults;

/// <summary>One process of a cluster, as its users start it, so that it can be killed.</summary>
internal sealed class ClusterProcess : IAsyncDisposable
{
    private const int LinesMax = 100;
    private const int CharactersMax = 600;

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);

    // Ends the process when its stdin does, that is, also where the tests are killed; in a session of its own, so that
    // it is not killed with them.
    private const string Watcher = "read -r word; kill -KILL \"$1\" 2> /dev/null";

    private readonly Process _process;
    private readonly Process _watcher;
    private readonly ConcurrentQueue<string> _lines = new();
    private readonly TaskCompletionSource<string> _greeting =
        new(TaskCreationOptions.RunContinuationsAsynchronously);

    private readonly Task _reading;
    private bool _isGone;

    private ClusterProcess(string name, Process process)
    {
        (Name, _process) = (name, process);
        _watcher = Process.Start(new ProcessStartInfo(
            "setsid", ["sh", "-c", Watcher, "watcher", process.Id.ToString(CultureInfo.InvariantCulture)])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
        })!;
        _reading = Task.WhenAll(ReadAsync(process.StandardOutput, Greet), ReadAsync(process.StandardError, Keep));
    }

    public string Name { get; }

    public HttpClient Http { get; private set; } = null!;

    public bool HasExited => _isGone || _process.HasExited;

    /// <summary>The last lines it wrote, to either stream.</summary>
    public string Story => $"--- {Name} wrote:\n{string.Join('\n', _lines)}";

    /// <summary>Starts it, although it may never greet.</summary>
    public static ClusterProcess Begin(string name, ProcessStartInfo start)
    {
        start.UseShellExecute = false;
        start.RedirectStandardOutput = start.RedirectStandardError = true;
        return new ClusterProcess(name, Process.Start(start)!);
    }

    /// <summary>Starts it and waits for its greeting.</summary>
    public static async Task<ClusterProcess> StartAsync(string name, ProcessStartInfo start,
        CancellationToken cancellationToken)
    {
        var process = Begin(name, start);
        try
        {
            await await Task.WhenAny(process._greeting.Task, process._process.WaitForExitAsync(cancellationToken));
            Assert.False(process.HasExited, "It ended.");
            var address = (await process._greeting.Task).Split(' ').First(IsAddress);
            process.Http = new HttpClient { BaseAddress = new Uri(address), Timeout = TestServer.Patience };
            return process;
        }
        catch (Exception e)
        {
            await process.DisposeAsync();
            throw new InvalidOperationException($"{name} did not start.\n{process.Story}", e);
        }
    }

    /// <summary>Waits until one of its last lines holds a text.</summary>
    public async Task UntilSaysAsync(string text, CancellationToken cancellationToken)
    {
        while (!_lines.Any(line => line.Contains(text, StringComparison.Ordinal)))
        {
            Assert.False(HasExited, Story);
            await Task.Delay(Look, TimeProvider.System, cancellationToken);
        }
    }

    /// <summary>SIGKILL.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync(CancellationToken.None);
    }

    /// <summary>Sends a signal, by its name without SIG.</summary>
    public async Task SignalAsync(string name, CancellationToken cancellationToken)
    {
        var id = _process.Id.ToString(CultureInfo.InvariantCulture);
        using var kill = Process.Start("kill", [$"-{name}", id]);
        await kill.WaitForExitAsync(cancellationToken);
    }

    /// <summary>Waits until the process ends by itself; gives its exit code.</summary>
    public async Task<int> ExitAsync(CancellationToken cancellationToken)
    {
        await _process.WaitForExitAsync(cancellationToken);
        return _process.ExitCode;
    }

    /// <summary>What its counters and gauges say now.</summary>
    public async Task<Metrics> ReadMetricsAsync(CancellationToken cancellationToken) =>
        Metrics.Parse(await Http.GetStringAsync(new Uri("/metrics", UriKind.Relative), cancellationToken));

    public async ValueTask DisposeAsync()
    {
        if (!HasExited)
        {
            _process.Kill();
        }

        await _reading;
        if (!_isGone)
        {
            _watcher.Kill();
            _watcher.Dispose();
        }

        _isGone = true;
        _process.Dispose();
        Http?.Dispose();
    }

    private static bool IsAddress(string word) => word.StartsWith("http://", StringComparison.Ordinal);

    private static async Task ReadAsync(StreamReader from, Action<string> take)
    {
        while (await from.ReadLineAsync() is { } line)
        {
            take(line);
        }
    }

    private void Greet(string line)
    {
        Keep(line);
        if (line.Split(' ').Any(IsAddress) && line.Contains("listens on", StringComparison.Ordinal))
        {
            _greeting.TrySetResult(line);
        }
    }

    private void Keep(string line)
    {
        var time = TimeProvider.System.GetLocalNow().ToString("HH:mm:ss.fff", CultureInfo.InvariantCulture);
        _lines.Enqueue($"{time} {(line.Length > CharactersMax ? line[..CharactersMax] : line)}");
        while (_lines.Count > LinesMax)
        {
            _lines.TryDequeue(out _);
        }
    }
}
