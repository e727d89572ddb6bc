using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Evergrain.Silo.Trust;
using Evergrain.Suites.Hosts;

namespace Evergrain.Cluster.Tests.Trust;

/// <summary>Who is let through to Orleans on the cluster's ports, and what both sides report.</summary>
public sealed class PeerConnectionsTests
{
    private static readonly TestAuthority Authority = new();

    [Theory]
    [InlineData(0, 0)]
    [InlineData(30, -30)]
    [InlineData(-30, 30)]
    public async Task Peers_OfOneAuthority_MeetWhateverTheirClocksSay(int clock, int otherClock)
    {
        var pair = await PeerPair.MeetAsync(Authority.Identify(clock: TimeSpan.FromMinutes(clock)),
            Authority.Identify(clock: TimeSpan.FromMinutes(otherClock)));

        Assert.True(pair.AreBothIn);
        Assert.Empty(pair.Accepted);
        Assert.Empty(pair.Connected);
    }

    [Theory]
    [InlineData("another authority", "its certificate was issued by an authority that this process does not trust")]
    [InlineData("another cluster", "its certificate names other, and this cluster's Id is evergrain")]
    [InlineData("old", "and not now")]
    public async Task ConnectingPeer_ThatIsNotTrusted_IsRefused_AndBothSay(string what, string expected)
    {
        var pair = await PeerPair.MeetAsync(Authority.Identify(), Identify(what));

        Assert.False(pair.AreBothIn);
        Assert.Contains(expected, Assert.Single(pair.Accepted), StringComparison.Ordinal);
        Assert.Contains("its log says whether it refuses", Assert.Single(pair.Connected), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("another authority", "its certificate was issued by an authority that this process does not trust")]
    [InlineData("another cluster", "its certificate names other, and this cluster's Id is evergrain")]
    [InlineData("old", "and not now")]
    public async Task AcceptingPeer_ThatIsNotTrusted_IsRefused_AndBothSay(string what, string expected)
    {
        var pair = await PeerPair.MeetAsync(Identify(what), Authority.Identify());

        Assert.False(pair.AreBothIn);
        Assert.Contains(expected, Assert.Single(pair.Connected), StringComparison.Ordinal);
        Assert.Contains("its log says whether it refuses", Assert.Single(pair.Accepted), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true, "it has no TLS", "perhaps it has TLS")]
    [InlineData(false, "it has TLS, and this process has not", "it broke off the handshake")]
    public async Task Peers_OfWhichOneHasTls_DoNotMeet_AndBothNameTheSetting(bool isAccepting, string expected,
        string alsoExpected)
    {
        var identity = Authority.Identify();
        var pair = await PeerPair.MeetAsync(isAccepting ? identity : null, isAccepting ? null : identity);

        Assert.False(pair.AreBothIn);
        foreach (var (line, reason) in new[]
        {
            (Assert.Single(pair.Accepted), expected), (Assert.Single(pair.Connected), alsoExpected),
        })
        {
            Assert.Contains(reason, line, StringComparison.Ordinal);
            Assert.Contains("Evergrain:Cluster:Tls", line, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Peers_WithoutTls_Meet() => Assert.True((await PeerPair.MeetAsync(null, null)).AreBothIn);

    [Fact]
    public async Task Peer_WithTlsAndNoCertificate_IsRefused()
    {
        var pair = new PeerPair(Authority.Identify(), null);
        using var socket = await AcceptAsync(pair);
        await using var client = new SslStream(socket.GetStream(), leaveInnerStreamOpen: false,
            static (_, _, _, _) => true);

        await client.AuthenticateAsClientAsync(TestAuthority.Cluster).WaitAsync(Waits.Patience);
        await pair.Accepting.WaitAsync(Waits.Patience);

        Assert.Contains("it showed no certificate", Assert.Single(pair.Accepted), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Caller_ThatSaysNothing_IsNoPeer()
    {
        var pair = new PeerPair(Authority.Identify(), null);
        using (await AcceptAsync(pair))
        {
            // It looks whether the port is open, as a load balancer does.
        }

        await pair.Accepting.WaitAsync(Waits.Patience);

        Assert.Empty(pair.Accepted);
    }

    [Fact]
    public async Task Refusal_OfOneAddress_IsReportedOnceAMinute()
    {
        var pair = new PeerPair(Authority.Identify(), null);
        await pair.MeetAsync();
        await pair.MeetAsync();
        Assert.Single(pair.Accepted);
        Assert.Single(pair.Connected);

        pair.Time.Advance(TimeSpan.FromMinutes(1));
        await pair.MeetAsync();

        Assert.Equal(2, pair.Accepted.Count);
        Assert.Equal(2, pair.Connected.Count);
    }

    // It trusts the other side all the same: only its own certificate is at fault.
    private static ClusterIdentity Identify(string what) => new(what switch
    {
        "another authority" => new TestAuthority().Issue(),
        "another cluster" => Authority.Issue("other"),
        _ => Authority.Issue(clock: -TimeSpan.FromDays(3)),
    }, [], [X509Certificate2.CreateFromPem(Authority.Certificate)]);

    private static async Task<TcpClient> AcceptAsync(PeerPair pair)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var client = new TcpClient();
        await client.ConnectAsync((IPEndPoint)listener.LocalEndpoint);
        pair.Accept((await listener.AcceptTcpClientAsync()).GetStream());
        return client;
    }
}
