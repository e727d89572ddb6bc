using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Evergrain.Load.Server;

/// <summary>
/// A server under test: a process of its own on 127.0.0.1, stopped by its id.
/// </summary>
internal sealed partial class ServerProcess : IAsyncDisposable
{
    private const int Terminate = 15;

    // Linux gives 32,768 and more to outgoing connections. Runs side by side begin at different ones.
    private const int PortsBegin = 16_000, PortsEnd = 32_768, Apart = 100;
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(45);
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(50);

    private static int _lastPort = PortsBegin + (Environment.ProcessId % Apart * Apart);

    private readonly Process _process;

    private readonly bool _keepsData;

    private ServerProcess(Process process, int port, ServerStart start)
    {
        (_process, Port, DataDirectory, _keepsData) = (process, port, start.Data ?? string.Empty, start.KeepsData);
        Probe = new ServerProbe(process.Id, port);
    }

    public int Port { get; }

    /// <summary>Where its journal lies; empty where that is a database.</summary>
    public string DataDirectory { get; }

    public int Id => _process.Id;

    /// <summary>What can be read of it from outside.</summary>
    public ServerProbe Probe { get; }

    /// <summary>Starts one and waits until it is ready.</summary>
    /// <exception cref="InvalidOperationException">It ended, or was not ready in time.</exception>
    public static async Task<ServerProcess> StartAsync(ServerStart server, CancellationToken cancellationToken)
    {
        var port = FreePort();
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, UseShellExecute = false };
        string[] arguments = [server.Assembly, "--port", port.ToString(CultureInfo.InvariantCulture),
            .. server.Arguments];
        Array.ForEach(arguments, start.ArgumentList.Add);
        foreach (var (setting, value) in server.Settings)
        {
            start.Environment["Evergrain__" + setting.Replace(":", "__", StringComparison.Ordinal)] = value;
        }

        foreach (var (name, value) in server.Variables)
        {
            start.Environment[name] = value;
        }

        var process = Process.Start(start)!;
        process.OutputDataReceived += static (_, _) => { };
        process.BeginOutputReadLine();
        var running = new ServerProcess(process, port, server);
        try
        {
            await running.WaitReadyAsync(cancellationToken);
            return running;
        }
        catch
        {
            await running.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// A port that nobody listens on now, each time another, and none that the system gives to outgoing connections.
    /// </summary>
    /// <exception cref="InvalidOperationException">There is none left.</exception>
    public static int FreePort()
    {
        while (Interlocked.Increment(ref _lastPort) is var port and < PortsEnd)
        {
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // Taken.
            }
        }

        throw new InvalidOperationException("No port is free.");
    }

    /// <summary>Tells it to stop, and waits until it has; kills it when that takes too long.</summary>
    public async Task StopAsync()
    {
        if (_process.HasExited)
        {
            return;
        }

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

    public async ValueTask DisposeAsync()
    {
        Probe.Dispose();
        await StopAsync();
        _process.Dispose();
        if (!_keepsData && Directory.Exists(DataDirectory))
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

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int processId, int signal);
}
