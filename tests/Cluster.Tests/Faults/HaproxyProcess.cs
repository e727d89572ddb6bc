using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Evergrain.Cluster.Tests.Proxies;
using Evergrain.Suites.Hosting;

namespace Evergrain.Cluster.Tests.Faults;

/// <summary>HAProxy with the configuration that users get, before two servers on this machine.</summary>
internal sealed class HaproxyProcess : IEdgeProxy
{
    private readonly string _folder = ProxyProcess.NewFolder("haproxy");
    private readonly ProxyProcess _process;

    private HaproxyProcess(int port, IReadOnlyList<int> servers)
    {
        Port = port;
        var configuration = Path.Combine(_folder, "haproxy.cfg");
        File.WriteAllText(configuration, Configure(port, servers));

        // -W as Debian's service has it: a process that starts another one when it is told to read the file again.
        _process = ProxyProcess.Start(_folder, "haproxy", "-W", "-db", "-f", configuration);
    }

    public int Port { get; }

    private string AdminSocket => Path.Combine(_folder, "admin.sock");

    /// <summary>Starts it; both servers must be ready.</summary>
    public static async Task<HaproxyProcess> StartAsync(IReadOnlyList<int> servers,
        CancellationToken cancellationToken)
    {
        var proxy = new HaproxyProcess(FreePorts.Next(), servers);
        try
        {
            await proxy._process.UntilAsync(() => Task.FromResult(File.Exists(proxy.AdminSocket)), cancellationToken);
            await proxy.UntilUpAsync("one", cancellationToken);
            await proxy.UntilUpAsync("two", cancellationToken);
            return proxy;
        }
        catch
        {
            await proxy.DisposeAsync();
            throw;
        }
    }

    /// <summary>Waits until a server's health check says that it is there.</summary>
    public async Task UntilUpAsync(string server, CancellationToken cancellationToken)
    {
        while (await StatusAsync(server, cancellationToken) is not ("UP", "L7OK"))
        {
            await Task.Delay(ProxyProcess.Look, TimeProvider.System, cancellationToken);
        }
    }

    /// <summary>Waits until a server's health check says that it takes nothing new.</summary>
    public async Task UntilDownAsync(string server, CancellationToken cancellationToken)
    {
        while ((await StatusAsync(server, cancellationToken)).Status != "DOWN")
        {
            await Task.Delay(ProxyProcess.Look, TimeProvider.System, cancellationToken);
        }
    }

    public Task TakeFirstOutAsync(CancellationToken cancellationToken) =>
        CommandAsync("set server evergrain/one state drain", cancellationToken);

    public Task ReloadAsync(CancellationToken cancellationToken) => _process.ReloadAsync("USR2", cancellationToken);

    public ValueTask DisposeAsync() => _process.DisposeAsync();

    private string Configure(int port, IReadOnlyList<int> servers)
    {
        var text = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "deploy", "haproxy.cfg"));
        text = Texts.Replace(text, "    bind :8000\n", Invariant($"    bind 127.0.0.1:{port}\n"));
        text = Texts.Replace(text, "stats socket /run/haproxy/admin.sock", "stats socket " + AdminSocket);
        text = Texts.Replace(text, "server one 127.0.0.1:8081", Invariant($"server one 127.0.0.1:{servers[0]}"));
        return Texts.Replace(text, "server two 127.0.0.1:8082", Invariant($"server two 127.0.0.1:{servers[1]}"));
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <summary>A server's status and that of its last health check.</summary>
    private async Task<(string Status, string Check)> StatusAsync(string server, CancellationToken cancellationToken)
    {
        var table = (await CommandAsync("show stat", cancellationToken)).TrimStart('#', ' ')
            .Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(',')).ToList();
        var row = table.Single(row => row[0] == "evergrain" && row[1] == server);
        string Column(string name) => row[Array.IndexOf(table[0], name)];
        return (Column("status"), Column("check_status").TrimStart('*', ' '));
    }

    private async Task<string> CommandAsync(string command, CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(TestServer.Patience);
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(AdminSocket), patience.Token);
        await using var stream = new NetworkStream(socket);
        await stream.WriteAsync(Encoding.ASCII.GetBytes(command + "\n"), patience.Token);
        using var reader = new StreamReader(stream);
        var answer = await reader.ReadToEndAsync(patience.Token);
        Assert.True(command == "show stat" || answer.Trim().Length == 0, $"{command}: {answer}");
        return answer;
    }
}

/// <summary>
/// Ports for processes that are restarted on theirs: below those that the system hands out by itself, so that no
/// connection of a test takes one meanwhile.
/// </summary>
internal static class FreePorts
{
    private const int First = 20_000, Count = 12_000;
    private static int _next = Environment.ProcessId * 37 % Count;

    public static int Next()
    {
        for (var tries = 0; tries < Count; tries++)
        {
            var port = First + (Interlocked.Increment(ref _next) % Count);
            using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                probe.Bind(new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, port));
                return port;
            }
            catch (SocketException)
            {
                // Taken.
            }
        }

        throw new InvalidOperationException("No port is free.");
    }
}
