using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Evergrain.Load.Server;

/// <summary>
/// The server under test: a process of its own on 127.0.0.1 with a fresh data directory, stopped by its id.
/// </summary>
internal sealed partial class ServerProcess : IAsyncDisposable
{
    private const int Terminate = 15;
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(45);
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(50);

    private readonly Process _process;

    private ServerProcess(Process process, int port, string data)
    {
        (_process, Port, DataDirectory) = (process, port, data);
        Probe = new ServerProbe(process.Id, port);
    }

    public int Port { get; }

    /// <summary>Where its journal lies; deleted at the end.</summary>
    public string DataDirectory { get; }

    public int Id => _process.Id;

    /// <summary>What can be read of it from outside.</summary>
    public ServerProbe Probe { get; }

    /// <summary>Starts it and waits until it is ready.</summary>
    /// <exception cref="InvalidOperationException">It ended, or was not ready in time.</exception>
    public static Task<ServerProcess> StartAsync(LoadOptions options, CancellationToken cancellationToken) =>
        StartAsync(options, ["--model", "demo"], cancellationToken);

    /// <summary>Starts it with these arguments as well, and waits until it is ready.</summary>
    /// <exception cref="InvalidOperationException">It ended, or was not ready in time.</exception>
    public static async Task<ServerProcess> StartAsync(LoadOptions options, IReadOnlyList<string> more,
        CancellationToken cancellationToken)
    {
        var port = FreePort();
        var data = Path.Combine(options.Data, $"load-data-{Environment.ProcessId}-{port}");
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, UseShellExecute = false };
        string[] arguments = [options.Server, "--port", port.ToString(CultureInfo.InvariantCulture), "--data", data,
            .. more];
        Array.ForEach(arguments, start.ArgumentList.Add);
        foreach (var (setting, value) in options.Settings)
        {
            start.Environment["Evergrain__" + setting.Replace(":", "__", StringComparison.Ordinal)] = value;
        }

        var process = Process.Start(start)!;
        process.OutputDataReceived += static (_, _) => { };
        process.BeginOutputReadLine();
        var server = new ServerProcess(process, port, data);
        try
        {
            await server.WaitReadyAsync(cancellationToken);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        Probe.Dispose();
        if (!_process.HasExited)
        {
            _ = Kill(_process.Id, Terminate);
            using var timeout = new CancellationTokenSource(StopTimeout);
            try
            {
                await _process.WaitForExitAsync(timeout.Token);
            }
            catch (OperationCanceledException)
            {
                _process.Kill();
            }
        }

        _process.Dispose();
        if (Directory.Exists(DataDirectory))
        {
            Directory.Delete(DataDirectory, recursive: true);
        }
    }

    private async Task WaitReadyAsync(CancellationToken cancellationToken)
    {
        var begun = Stopwatch.GetTimestamp();
        while (!await Probe.IsReadyAsync(cancellationToken))
        {
            if (_process.HasExited || Stopwatch.GetElapsedTime(begun) > StartTimeout)
            {
                throw new InvalidOperationException("The server did not start.");
            }

            await Task.Delay(LookInterval, TimeProvider.System, cancellationToken);
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int processId, int signal);
}
