using System.IO.Pipelines;
using System.Net.WebSockets;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Sockets;
using Evergrain.Frontend.Turns;
using Evergrain.Suites.Hosts;

namespace Evergrain.Frontend.Tests.Admission;

/// <summary>The time that a message may take, beside the time that it had to wait for room.</summary>
public sealed class FrameClockTests
{
    private static readonly TimeSpan FrameTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan QueueTimeout = TimeSpan.FromSeconds(30);
    private static readonly byte[] Bytes = new byte[10_000];

    [Fact]
    public async Task Frame_ThatWaitedForRoom_HasItsWholeTimeLeft()
    {
        using var host = new AdmissionHost(AdmissionHost.Json("""{"ReceivedBytesMax":65536}"""));
        var (client, reader) = Connect(host);
        using var other = host.Budget.Open("other");
        await other.GrowAsync(65_536, CancellationToken.None);
        var waiting = host.Time.ArmedAsync(QueueTimeout);
        var reading = reader.ReadAsync(CancellationToken.None).AsTask();
        await client.SendAsync(Bytes, WebSocketMessageType.Text, endOfMessage: false, CancellationToken.None);
        await waiting;

        host.Time.Advance(3 * FrameTimeout);
        var clock = host.Time.ArmedAsync(FrameTimeout);
        other.Dispose();
        await clock;
        await client.SendAsync(Bytes, WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);

        var frame = await reading.WaitAsync(Waits.Patience);
        Assert.Equal((FrameOutcome.Text, 20_000), (frame.Outcome, frame.Buffer?.Length));
        frame.Buffer!.Dispose();
        Assert.Equal(0, host.Budget.Held);
    }

    [Fact]
    public async Task Frame_RefusedForWantOfRoom_MayStillBeSentToItsEnd()
    {
        using var host = new AdmissionHost(AdmissionHost.Json("""{"ReceivedBytesMax":65536}"""));
        var (client, reader) = Connect(host);
        using var other = host.Budget.Open("other");
        await other.GrowAsync(65_536, CancellationToken.None);
        var waiting = host.Time.ArmedAsync(QueueTimeout);
        var reading = reader.ReadAsync(CancellationToken.None).AsTask();
        await client.SendAsync(Bytes, WebSocketMessageType.Text, endOfMessage: false, CancellationToken.None);
        await waiting;

        var clock = host.Time.ArmedAsync(FrameTimeout);
        host.Time.Advance(QueueTimeout);
        await clock;
        await client.SendAsync(Bytes, WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);

        var frame = await reading.WaitAsync(Waits.Patience);
        Assert.Equal((FrameOutcome.Refused, RefusalKind.Overloaded), (frame.Outcome, frame.Refusal?.Kind));
        Assert.Equal(65_536, host.Budget.Held);
    }

    [Fact]
    public async Task Frame_ThatDoesNotGoOnAfterItsWait_IsStalled()
    {
        using var host = new AdmissionHost(AdmissionHost.Json("""{"ReceivedBytesMax":65536}"""));
        var (client, reader) = Connect(host);
        using var other = host.Budget.Open("other");
        await other.GrowAsync(65_536, CancellationToken.None);
        var waiting = host.Time.ArmedAsync(QueueTimeout);
        var reading = reader.ReadAsync(CancellationToken.None).AsTask();
        await client.SendAsync(Bytes, WebSocketMessageType.Text, endOfMessage: false, CancellationToken.None);
        await waiting;
        var clock = host.Time.ArmedAsync(FrameTimeout);
        other.Dispose();
        await clock;

        host.Time.Advance(FrameTimeout);

        Assert.Equal(FrameOutcome.Stalled, (await reading.WaitAsync(Waits.Patience)).Outcome);
        Assert.Equal(0, host.Budget.Held);
    }

    private static (WebSocket Client, FrameReader Reader) Connect(AdmissionHost host)
    {
        var (up, down) = (new Pipe(), new Pipe());
        var client = WebSocket.CreateFromStream(new Ends(down.Reader, up.Writer), new WebSocketCreationOptions());
        var server = WebSocket.CreateFromStream(new Ends(up.Reader, down.Writer),
            new WebSocketCreationOptions { IsServer = true });
        var options = new EvergrainOptions { FrameTimeout = FrameTimeout };
        return (client, new FrameReader(server, options, host.Time, host.Budget, "default")
        {
            Thread = new PollingThread(host.Gate),
        });
    }

    /// <summary>One side of a connection in memory.</summary>
    private sealed class Ends(PipeReader reader, PipeWriter writer) : Stream
    {
        private readonly Stream _in = reader.AsStream();
        private readonly Stream _out = writer.AsStream();

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            _in.ReadAsync(buffer, cancellationToken);

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer,
            CancellationToken cancellationToken = default) => _out.WriteAsync(buffer, cancellationToken);

        public override Task FlushAsync(CancellationToken cancellationToken) => _out.FlushAsync(cancellationToken);

        public override void Flush() => throw new NotSupportedException();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
