using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Evergrain.Cluster.Tests.Faults;

namespace Evergrain.Cluster.Tests.Kubernetes.Pods;

/// <summary>
/// A Service as HAProxy: it passes connections on to the pods that are its endpoints, one after the other. As with a
/// Service, a connection that is open stays where it is when its pod is an endpoint no more.
/// </summary>
internal sealed class ServiceProxy : IAsyncDisposable
{
    private const int PodsMax = 250;

    // The shell ends what it started when its stdin ends, that is, with this object or with this process.
    private const string Keeper = """
        folder=$1; shift
        "$@" > "$folder/log" 2>&1 < /dev/null & proxy=$!
        read -r word
        kill -KILL "$proxy" 2> /dev/null; wait "$proxy"; rm -rf "$folder"
        """;

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20), Patience = TimeSpan.FromSeconds(30);

    private readonly string _folder = Directory.CreateTempSubdirectory("evergrain-service-").FullName;
    private readonly Process _keeper;
    private readonly HashSet<string> _endpoints = [];

    private ServiceProxy(int port, int podPort)
    {
        (Port, PodPort) = (port, podPort);
        var configuration = Path.Combine(_folder, "haproxy.cfg");
        File.WriteAllText(configuration, string.Create(CultureInfo.InvariantCulture, $"""
            global
                stats socket {AdminSocket} mode 600 level admin
            defaults
                mode tcp
                timeout connect 5s
                timeout client 1h
                timeout server 1h
            listen service
                bind 127.0.0.1:{port}
                balance roundrobin
                server-template pod 1-{PodsMax} 127.0.1.1:{podPort} disabled

            """));
        string[] command = ["-c", Keeper, "keeper", _folder, "haproxy", "-db", "-f", configuration];
        _keeper = Process.Start(new ProcessStartInfo("sh", command)
        {
            RedirectStandardInput = true,
            UseShellExecute = false,
        })!;
    }

    /// <summary>Where clients connect.</summary>
    public int Port { get; }

    /// <summary>The pods' port.</summary>
    public int PodPort { get; }

    private string AdminSocket => Path.Combine(_folder, "admin.sock");

    /// <summary>Starts it, without an endpoint.</summary>
    public static async Task<ServiceProxy> StartAsync(int podPort, CancellationToken cancellationToken)
    {
        var service = new ServiceProxy(FreePorts.Next(), podPort);
        while (!File.Exists(service.AdminSocket))
        {
            Assert.False(service._keeper.HasExited, "HAProxy does not start.");
            await Task.Delay(Look, TimeProvider.System, cancellationToken);
        }

        return service;
    }

    /// <summary>Makes these pods its endpoints, and no others.</summary>
    /// <param name="pods">Addresses of one network, that end with .1 to .250.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task SetEndpointsAsync(IReadOnlyCollection<string> pods, CancellationToken cancellationToken)
    {
        foreach (var gone in _endpoints.Except(pods).ToList())
        {
            await CommandAsync($"set server {ServerOf(gone)} state maint", cancellationToken);
            _endpoints.Remove(gone);
        }

        foreach (var come in pods.Except(_endpoints).ToList())
        {
            await CommandAsync($"set server {ServerOf(come)} addr {come} port {PodPort}", cancellationToken);
            await CommandAsync($"set server {ServerOf(come)} state ready", cancellationToken);
            _endpoints.Add(come);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _keeper.StandardInput.Close();
        await _keeper.WaitForExitAsync();
        _keeper.Dispose();
    }

    private static string ServerOf(string address) => $"service/pod{address.Split('.')[^1]}";

    private async Task CommandAsync(string command, CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(Patience);
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(AdminSocket), patience.Token);
        await using var stream = new NetworkStream(socket);
        await stream.WriteAsync(Encoding.ASCII.GetBytes(command + "\n"), patience.Token);
        using var reader = new StreamReader(stream);
        var answer = (await reader.ReadToEndAsync(patience.Token)).Trim();

        // It tells what it changed.
        Assert.True(answer.Length == 0 || answer.Contains("IP changed", StringComparison.Ordinal) ||
            answer.Contains("no need to change", StringComparison.Ordinal), $"{command}: {answer}");
    }
}
