using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Evergrain.Cluster.Tests.Faults;
using Evergrain.Cluster.Tests.Programs;
using Evergrain.Silo.Membership;
using Evergrain.Silo.Trust;
using Evergrain.Suites.Hosts;
using Evergrain.Tests.Services;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Runtime;

namespace Evergrain.Cluster.Tests.Trust;

/// <summary>A silo as a process, and Orleans' clients in this one: which of them calls a grain.</summary>
[Collection(nameof(FaultFreePostgres))]
[Trait("Needs", "Postgres")]
public sealed class ClusterAccessTests(PostgresServer postgres) : IAsyncLifetime
{
    // The first tries of a client, one a second; the one that is let in needs one.
    private const int TriesMax = 4;

    private readonly CancellationTokenSource _patience = new(Waits.Patience * 4);
    private string _url = "";

    private CancellationToken Token => _patience.Token;

    public async Task InitializeAsync() => _url = postgres.Url(await postgres.CreateDatabaseAsync());

    public Task DisposeAsync()
    {
        _patience.Dispose();
        return Task.CompletedTask;
    }

    [Fact]
    public async Task OrleansClient_CallsAGrainWithACertificateOfTheAuthority_AndNoneWithoutIt()
    {
        await using var silo = await StartSiloAsync();
        using var trusted = await IssueAsync();

        Assert.Equal(1, await CallAsync(client => UseTls(client, trusted)));
        Assert.Null(await CallAsync(static _ => { }));
        Assert.Null(await CallAsync(static client => UseTls(client, null)));
        using var foreign = new TestAuthority().Issue();
        Assert.Null(await CallAsync(client => UseTls(client, foreign)));

        await silo.DisposeAsync();
        Assert.Contains("it has no TLS", silo.Story, StringComparison.Ordinal);
        Assert.Contains("it showed no certificate", silo.Story, StringComparison.Ordinal);
        Assert.Contains("by an authority that this process does not trust", silo.Story, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SilentConnections_AreClosed_AndTheSiloServesOn()
    {
        int[] ports = [FreePorts.Next(), FreePorts.Next()];
        await using var silo = await StartSiloAsync(ports);
        var silent = await Task.WhenAll(Enumerable.Range(0, 600).Select(i => ConnectAsync(ports[i % 2])));
        foreach (var socket in silent)
        {
            Assert.Equal(0, await ReadAsync(socket));
            socket.Dispose();
        }

        using var trusted = await IssueAsync();
        Assert.Equal(1, await CallAsync(client => UseTls(client, trusted)));
        await silo.DisposeAsync();
        Assert.Contains("512 others have connected and not said yet who they are", silo.Story,
            StringComparison.Ordinal);
    }

    private async Task<Socket> ConnectAsync(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(IPAddress.Loopback, port, Token);
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.Shutdown or SocketError.ConnectionReset)
        {
            // The silo took it and closed it before this process looked.
        }

        return socket;
    }

    // Nothing, once the other side has closed it or broken it off.
    private async Task<int> ReadAsync(Socket socket)
    {
        try
        {
            return await socket.ReceiveAsync(new byte[1], Token);
        }
        catch (SocketException)
        {
            return 0;
        }
    }

    /// <summary>How many silos a grain knows; null: the client found none that answers.</summary>
    private async Task<int?> CallAsync(Action<IClientBuilder> secure)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Logging.ClearProviders();
        builder.UseOrleansClient(client =>
        {
            client.Configure<ClusterOptions>(static cluster =>
                (cluster.ClusterId, cluster.ServiceId) = (TestAuthority.Cluster, TestAuthority.Cluster));
            new ClusterDatabase(_url, "evergrain").AddTo(client);
            client.UseConnectionRetryFilter<FewTries>();
            secure(client);
        });
        using var host = builder.Build();
        try
        {
            await host.StartAsync(Token);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            return null;
        }

        var management = host.Services.GetRequiredService<IGrainFactory>().GetGrain<IManagementGrain>(0);
        var hosts = await management.GetHosts(onlyActive: true);
        await host.StopAsync(Token);
        return hosts.Count;
    }

    private static void UseTls(IClientBuilder client, X509Certificate2? certificate) => client.UseTls(options =>
    {
        options.LocalCertificate = certificate;
        options.AllowAnyRemoteCertificate();
    });

    private async Task<X509Certificate2> IssueAsync()
    {
        var text = Assert.Single(await new ClusterDatabase(_url, "evergrain").ReadAuthoritiesAsync(Token));
        using var authority = ClusterAuthority.Read(text);
        return authority.Issue(TestAuthority.Cluster, "test", TimeProvider.System.GetUtcNow());
    }

    private Task<ClusterProcess> StartSiloAsync() => StartSiloAsync([FreePorts.Next(), FreePorts.Next()]);

    private Task<ClusterProcess> StartSiloAsync(int[] ports)
    {
        string[] options = ["--role", "silo", "--port", "0", "--silo-port", $"{ports[0]}", "--gateway-port",
            $"{ports[1]}"];
        var start = new ProcessStartInfo("dotnet", [ClusterProcesses.Program, .. options]) { UseShellExecute = false };
        start.Environment["Evergrain__JournalUrl"] = _url;
        return ClusterProcess.StartAsync("silo", start, Token);
    }

    private sealed class FewTries : IClientConnectionRetryFilter
    {
        private int _tries;

        public async Task<bool> ShouldRetryConnectionAttempt(Exception exception, CancellationToken cancellationToken)
        {
            await Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System, cancellationToken);
            return ++_tries < TriesMax;
        }
    }
}
