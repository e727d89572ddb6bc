using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;

namespace Evergrain.Cluster.Tests.Faults;

/// <summary>
/// A process that tests start and end, with the last lines that it wrote. It ends with this object, or with this
/// process.
/// </summary>
internal sealed class WatchedProcess : IAsyncDisposable
{
    private const int LinesMax = 100;
    private const int CharactersMax = 600;

    // Ends the process when its stdin does, that is, also where the tests are killed; in a session of its own, so that
    // it is not killed with them.
    private const string Watcher = "read -r word; kill -KILL \"$1\" 2> /dev/null";

    private readonly Process _process;
    private readonly Process _watcher;
    private readonly ConcurrentQueue<string> _lines = new();
    private readonly Task _reading;
    private bool _isGone;

    private WatchedProcess(string name, Process process, Action<string> see)
    {
        (Name, Id, _process) = (name, process.Id, process);
        _watcher = Process.Start(new ProcessStartInfo(
            "setsid", ["sh", "-c", Watcher, "watcher", process.Id.ToString(CultureInfo.InvariantCulture)])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
        })!;
        _reading = Task.WhenAll(
            ReadAsync(process.StandardOutput, see), ReadAsync(process.StandardError, static _ => { }));
    }

    public string Name { get; }

    public int Id { get; }

    public bool HasExited => _isGone || _process.HasExited;

    /// <summary>The last lines it wrote, to either stream.</summary>
    public string Story => $"--- {Name} wrote:\n{string.Join('\n', _lines)}";

    /// <summary>Starts one; <paramref name="see"/> gets each line of its stdout.</summary>
    public static WatchedProcess Start(string name, ProcessStartInfo start, Action<string> see)
    {
        start.UseShellExecute = false;
        start.RedirectStandardOutput = start.RedirectStandardError = true;
        return new WatchedProcess(name, Process.Start(start)!, see);
    }

    /// <summary>SIGKILL, without waiting for its end.</summary>
    public void Kill() => _process.Kill();

    /// <summary>SIGKILL.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync(CancellationToken.None);
    }

    /// <summary>Sends a signal, by its name without SIG.</summary>
    public async Task SignalAsync(string name, CancellationToken cancellationToken)
    {
        using var kill = Process.Start("kill", [$"-{name}", Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync(cancellationToken);
    }

    /// <summary>Ends once all that it wrote was read.</summary>
    public Task Read => _reading;

    /// <summary>Waits until the process ends by itself; gives its exit code.</summary>
    public async Task<int> ExitAsync(CancellationToken cancellationToken)
    {
        await _process.WaitForExitAsync(cancellationToken);
        return _process.ExitCode;
    }

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
    }

    private async Task ReadAsync(StreamReader from, Action<string> see)
    {
        while (await from.ReadLineAsync() is { } line)
        {
            Keep(line);
            see(line);
        }
    }

    private void Keep(string line)
    {
        // Frames of a stack: a few of them would push out what came before.
        if (line.StartsWith("   at ", StringComparison.Ordinal))
        {
            return;
        }

        var time = TimeProvider.System.GetLocalNow().ToString("HH:mm:ss.fff", CultureInfo.InvariantCulture);
        _lines.Enqueue($"{time} {(line.Length > CharactersMax ? line[..CharactersMax] : line)}");
        while (_lines.Count > LinesMax)
        {
            _lines.TryDequeue(out _);
        }
    }
}
