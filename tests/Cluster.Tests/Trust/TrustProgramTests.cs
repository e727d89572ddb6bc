using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Net.NetworkInformation;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Evergrain.Cluster.Tests.Faults;
using Evergrain.Cluster.Tests.Programs;
using Evergrain.Suites.Hosts;
using Evergrain.Tests.Services;
using Xunit.Abstractions;

namespace Evergrain.Cluster.Tests.Trust;

/// <summary>Processes that do not trust each other, and processes whose certificates are replaced.</summary>
[Collection(nameof(FaultFreePostgres))]
[Trait("Needs", "Postgres")]
public sealed class TrustProgramTests(PostgresServer postgres, ITestOutputHelper output) : IAsyncLifetime
{
    private const string TlsOff = "off", TlsOn = "on", OtherAuthority = "another authority";

    // Nine deltas, one a second: longer than a look at the files takes.
    private const string SlowTurn = """
        @@script [{"say":"one two three four five six seven eight nine","chunk_ms":1000}]
        """;

    // Ten seconds on a quiet machine; the full counts run there.
    private static readonly TimeSpan ReportTimeMax = Environment.GetEnvironmentVariable("EVERGRAIN_LONG") is
        { Length: > 0 } ? TimeSpan.FromSeconds(10) : Waits.Patience;

    private readonly CancellationTokenSource _patience = new(Waits.Patience * 4);
    private readonly SecretFolder _folder = new();
    private string _url = "";

    private CancellationToken Token => _patience.Token;

    public async Task InitializeAsync() => _url = postgres.Url(await postgres.CreateDatabaseAsync());

    public Task DisposeAsync()
    {
        _folder.Dispose();
        _patience.Dispose();
        return Task.CompletedTask;
    }

    [Theory]
    [InlineData("frontend", TlsOn, TlsOff, "it has no TLS", "perhaps it has TLS")]
    [InlineData("silo", TlsOn, TlsOff, "it has no TLS", "perhaps it has TLS")]
    [InlineData("frontend", TlsOff, TlsOn, "it has TLS, and this process has not", "it broke off the handshake")]
    [InlineData("frontend", TlsOn, OtherAuthority, "Refused a process at ", "was issued by an authority that")]
    public async Task Process_ThatIsNotTrusted_ReadsTheReasonSoon_AndSoDoesTheOther(string role, string siloTls,
        string tls, string reason, string ownReason)
    {
        var own = new TestAuthority();
        _folder.Put(own.Issue(), own.Certificate);
        await using var silo = await ClusterProcess.StartAsync("silo", StartOf("silo", siloTls), Token);
        var begun = TimeProvider.System.GetTimestamp();
        await using var other = ClusterProcess.Begin(role, StartOf(role, tls));

        await other.UntilSaysAsync(ownReason, Token);
        var took = TimeProvider.System.GetElapsedTime(begun);
        await silo.UntilSaysAsync(reason, Token);

        output.WriteLine($"[note] {role} with TLS {tls}, silo {siloTls}: the reason after {took.TotalSeconds:f1} s");
        Assert.True(took < ReportTimeMax, $"It took {took}.\n{other.Story}");
        Assert.Equal(HttpStatusCode.OK, await ReadyAsync(silo.Http));
    }

    [Fact]
    public async Task Certificates_ReplacedWhileATurnRuns_CutNothing_AndAreShownFromThenOn()
    {
        var (before, after) = (new TestAuthority(), new TestAuthority());
        _folder.Put(before.Issue(), before.Certificate);
        var gateway = FreePorts.Next();
        await using var silo = await ClusterProcess.StartAsync(
            "silo", StartOf("silo", OtherAuthority, gateway), Token);
        await using var frontend = await ClusterProcess.StartAsync(
            "frontend", StartOf("frontend", OtherAuthority), Token);
        Assert.Equal("completed", await RunTurnAsync(frontend.Http, "Hello"));
        var open = ConnectionsTo(gateway);
        Assert.NotEmpty(open);

        var running = RunTurnAsync(frontend.Http, SlowTurn);
        var next = after.Issue();
        _folder.Put(next, before.Certificate, after.Certificate);
        while (await ShownAsync(gateway) != next.Thumbprint)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System, Token);
        }

        Assert.Equal("completed", await running);
        Assert.Subset(ConnectionsTo(gateway), open);
        await using var another = await ClusterProcess.StartAsync(
            "another frontend", StartOf("frontend", OtherAuthority), Token);
        Assert.Equal("completed", await RunTurnAsync(another.Http, "Hello"));
    }

    [Fact]
    public async Task Files_ThatCannotServe_RefuseTheStartInOneSentence()
    {
        var start = StartOf("both", OtherAuthority);
        start.RedirectStandardError = true;
        using var process = Process.Start(start)!;
        var error = (await process.StandardError.ReadToEndAsync(Token)).TrimEnd();
        await process.WaitForExitAsync(Token);

        Assert.Equal(1, process.ExitCode);
        Assert.Contains("TlsCertificate: ", error, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error);
    }

    private ProcessStartInfo StartOf(string role, string tls, int? gateway = null)
    {
        List<string> options = ["--role", role, "--port", "0"];
        if (role != "frontend")
        {
            options.AddRange(["--silo-port", Text(FreePorts.Next()), "--gateway-port",
                Text(gateway ?? FreePorts.Next())]);
        }

        var start = new ProcessStartInfo("dotnet", [ClusterProcesses.Program, .. options]) { UseShellExecute = false };
        start.Environment["Evergrain__JournalUrl"] = _url;
        start.Environment["Evergrain__Cluster__Tls"] = tls == TlsOff ? "false" : "true";
        if (tls == OtherAuthority)
        {
            start.Environment["Evergrain__Cluster__TlsCertificate"] = _folder.Certificate;
            start.Environment["Evergrain__Cluster__TlsKey"] = _folder.Key;
            start.Environment["Evergrain__Cluster__TlsAuthority"] = _folder.Authority;
        }

        return start;
    }

    private async Task<string?> RunTurnAsync(HttpClient http, string input)
    {
        var create = new JsonObject { ["model"] = "demo", ["input"] = input };
        using var answer = await http.PostAsJsonAsync(Path("/v1/responses"), create, Token);
        return JsonNode.Parse(await answer.Content.ReadAsStringAsync(Token))!["status"]?.GetValue<string>();
    }

    private async Task<HttpStatusCode> ReadyAsync(HttpClient http)
    {
        using var answer = await http.GetAsync(Path("/health/ready"), Token);
        return answer.StatusCode;
    }

    /// <summary>The local ports of the connections that are open to a gateway.</summary>
    private static HashSet<int> ConnectionsTo(int gateway) =>
        [.. IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpConnections()
            .Where(one => one.RemoteEndPoint.Port == gateway && one.State == TcpState.Established)
            .Select(static one => one.LocalEndPoint.Port)];

    /// <summary>The certificate that a silo shows now.</summary>
    private async Task<string?> ShownAsync(int gateway)
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, gateway, Token);
        string? shown = null;
        await using var stream = new SslStream(socket.GetStream(), leaveInnerStreamOpen: false,
            (_, certificate, _, _) =>
            {
                shown = (certificate as X509Certificate2)?.Thumbprint ?? certificate?.GetCertHashString();
                return true;
            });
        await stream.AuthenticateAsClientAsync(TestAuthority.Cluster).WaitAsync(Token);
        return shown;
    }

    private static string Text(int port) => port.ToString(CultureInfo.InvariantCulture);

    private static Uri Path(string path) => new(path, UriKind.Relative);
}
