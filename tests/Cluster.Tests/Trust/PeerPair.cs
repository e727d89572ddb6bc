using System.IO.Pipelines;
using System.Net;
using Evergrain.Silo.Cluster;
using Evergrain.Silo.Trust;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Hosts;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace Evergrain.Cluster.Tests.Trust;

/// <summary>Both sides of a connection between processes of a cluster, in this process and without Orleans.</summary>
internal sealed class PeerPair
{
    private static readonly byte[] Word = [7, 7, 7, 7];

    private readonly PeerConnections _accepting;
    private readonly PeerConnections _connecting;
    private readonly LogText _accepted = new();
    private readonly LogText _connected = new();

    /// <summary>Makes both sides; one without an identity has no TLS.</summary>
    public PeerPair(ClusterIdentity? accepting, ClusterIdentity? connecting)
    {
        _accepting = Side(accepting, _accepted);
        _connecting = Side(connecting, _connected);
    }

    /// <summary>The clock of both sides' reports.</summary>
    public FakeTimeProvider Time { get; } = new(TimeProvider.System.GetUtcNow());

    /// <summary>What the accepting side reported.</summary>
    public IReadOnlyList<string> Accepted => _accepted.Lines;

    /// <summary>What the connecting side reported.</summary>
    public IReadOnlyList<string> Connected => _connected.Lines;

    /// <summary>Whether each side heard the other's word in the last meeting.</summary>
    public bool AreBothIn { get; private set; }

    /// <summary>The last connection that the accepting side was given.</summary>
    public Task Accepting { get; private set; } = Task.CompletedTask;

    /// <summary>Lets two identities meet once.</summary>
    public static async Task<PeerPair> MeetAsync(ClusterIdentity? accepting, ClusterIdentity? connecting)
    {
        var pair = new PeerPair(accepting, connecting);
        await pair.MeetAsync();
        return pair;
    }

    /// <summary>Connects once, and lets each side say a word and hear the other's, as Orleans does.</summary>
    public async Task MeetAsync()
    {
        var (there, here) = (new Pipe(), new Pipe());
        var (isHeardThere, isHeardHere) = (false, false);
        var accepting = RunAsync(_accepting.Accept(async connection => isHeardThere = await TalkAsync(connection)),
            new Ends(there.Reader, here.Writer));
        var connecting = RunAsync(_connecting.Connect(async connection => isHeardHere = await TalkAsync(connection)),
            new Ends(here.Reader, there.Writer));
        await Task.WhenAll(accepting, connecting).WaitAsync(Waits.Patience);
        AreBothIn = isHeardThere && isHeardHere;
    }

    /// <summary>Gives the accepting side a connection; <see cref="Accepting"/> ends with it.</summary>
    public void Accept(Stream stream) => Accepting = RunAsync(
        _accepting.Accept(static connection => TalkAsync(connection)),
        new Ends(PipeReader.Create(stream), PipeWriter.Create(stream)));

    private PeerConnections Side(ClusterIdentity? identity, LogText text)
    {
        var loggers = LoggerFactory.Create(logging => logging.AddProvider(text));
        var reports = new PeerReports(Time, loggers.CreateLogger<PeerReports>());
        var trust = identity is null
            ? null
            : new ClusterTrust(new GivenTrust(identity), Time, loggers.CreateLogger<ClusterTrust>());
        _ = trust?.OpenAsync(CancellationToken.None);
        return new PeerConnections(new MemberOptions { Id = TestAuthority.Cluster }, reports, Time, trust);
    }

    // Orleans closes a connection that its middleware gives back, and keeps what it throws to itself.
    private static async Task RunAsync(ConnectionDelegate run, IDuplexPipe ends)
    {
        var connection = new DefaultConnectionContext("test", ends, ends)
        {
            LocalEndPoint = new IPEndPoint(IPAddress.Loopback, 30000),
            RemoteEndPoint = new IPEndPoint(IPAddress.Loopback, 40000),
        };
        try
        {
            await run(connection);
        }
        catch (Exception e) when (e is IOException or InvalidOperationException)
        {
            // It told its reports.
        }
        finally
        {
            await ends.Output.CompleteAsync();
            await ends.Input.CompleteAsync();
        }
    }

    private static async Task<bool> TalkAsync(ConnectionContext connection)
    {
        var (input, output) = (connection.Transport.Input, connection.Transport.Output);
        await output.WriteAsync(Word);
        var heard = await input.ReadAtLeastAsync(Word.Length);
        var isWhole = heard.Buffer.Length == Word.Length;
        input.AdvanceTo(heard.Buffer.End);
        return isWhole ? isWhole : throw new InvalidOperationException("Connection terminated prematurely");
    }

    private sealed record Ends(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}

/// <summary>An identity that never changes.</summary>
internal sealed class GivenTrust(ClusterIdentity identity) : ITrustSource
{
    public Task<ClusterIdentity?> ReadAsync(CancellationToken cancellationToken) =>
        Task.FromResult<ClusterIdentity?>(identity);
}
