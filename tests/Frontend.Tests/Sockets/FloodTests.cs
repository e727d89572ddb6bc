using System.Text;
using Evergrain.Frontend.Sockets;
using Evergrain.Frontend.Tests.Hosting;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Hosts;

namespace Evergrain.Frontend.Tests.Sockets;

/// <summary>Frames that bring no create, more than a client has a reason for.</summary>
public sealed class FloodTests
{
    private const int PolicyViolation = 1008;
    private const string Hello = """[{"say":"hello"}]""";

    /// <summary>First byte and payload of a frame, and whether an unfinished message comes before.</summary>
    public static TheoryData<byte, string, bool> Frames => new()
    {
        { 0x89, "", false },
        { 0x8a, "", false },
        { 0x89, new string('p', 125), false },
        { 0x00, "", true },
        { 0x00, "x", true },
        { 0x81, """{"type":"response.cancel"}""", false },
        { 0x81, """{"type":"response.processed"}""", false },
        { 0x81, "{}", false },
        { 0x81, "GET /v1/models HTTP/1.1", false },
        { 0x81, """{"type":"response.create","previous_response_id":"none"}""", false },
        { 0x82, "x", false },
    };

    [Theory]
    [MemberData(nameof(Frames))]
    public async Task Frames_OverTheRate_EndTheConnectionWithTheReason(byte first, string payload, bool isPiece)
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations());
        using var raw = await RawSocket.ConnectAsync(server);
        await raw.UpgradeAsync();
        if (isPiece)
        {
            await raw.SendAsync(Frame(0x01, ""));
        }

        // As many as come in one second on a slow machine too: their count begins anew each second.
        var frames = Enumerable.Repeat(Frame(first, payload), 10 * FrameRate.FramesMax).SelectMany(static f => f);
        var sending = raw.SendAsync([.. frames]);
        var (status, reason) = await ReadCloseAsync(raw);
        await sending;

        Assert.Equal(PolicyViolation, status);
        Assert.StartsWith($"Over {FrameRate.FramesMax} control frames", reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Frames_BelowTheRate_AreServed()
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations());
        using var raw = await RawSocket.ConnectAsync(server);
        await raw.UpgradeAsync();
        for (var i = 0; i < FrameRate.FramesMax / 2; i++)
        {
            await raw.SendAsync(Frame(0x89, "p"));
            Assert.Equal(10, (await raw.ReadFrameAsync())?.Opcode);
        }

        await raw.SendAsync(Frame(0x81, WireClient.Create(Hello)));
        Assert.Equal(1, (await raw.ReadFrameAsync())?.Opcode);
    }

    [Fact]
    public async Task Message_InManyPieces_IsTaken()
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations());
        using var raw = await RawSocket.ConnectAsync(server);
        await raw.UpgradeAsync();
        var create = WireClient.Create(Hello, $",\"x\":\"{new string('x', 128 * 10 * FrameRate.FramesMax)}\"");
        var pieces = create.Chunk(128).Select(static piece => new string(piece)).ToList();

        await raw.SendAsync(Frame(0x01, pieces[0]));
        await raw.SendAsync([.. pieces[1..^1].SelectMany(static piece => Frame(0x00, piece))]);
        await raw.SendAsync(Frame(0x80, pieces[^1]));

        var (opcode, payload) = Assert.NotNull(await raw.ReadFrameAsync());
        Assert.Equal(1, opcode);
        Assert.Contains("response.created", Encoding.UTF8.GetString(payload), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(4096)]
    public void Frames_AreCounted_HoweverTheBytesAreCut(int bytes)
    {
        var rate = new FrameRate(TimeProvider.System);
        byte[] stream = [.. Frame(0x81, new string('m', 125)), .. Frame(0x81, new string('\u0089', 40_000)),
            .. Enumerable.Repeat(Frame(0x89, "\u0089\u0089"), FrameRate.FramesMax).SelectMany(static f => f)];
        foreach (var part in stream.Chunk(bytes))
        {
            rate.Pass(part);
        }

        Assert.False(rate.IsOver || rate.HasClosed);
        rate.Pass(Frame(0x88, ""));
        Assert.True(rate.HasClosed);
        rate.Pass(Frame(0x8a, ""));
        Assert.True(rate.IsOver);
    }

    [Fact]
    public async Task Peer_ThatSendsOn_IsReadEverSlower()
    {
        var time = new ManualTime();
        using var endless = new Pings();
        await using var corked = new CorkedStream(endless, new FrameRate(time), time);
        var armed = time.ArmedAsync(TimeSpan.FromMilliseconds(10));
        var reading = corked.ReadAsync(new byte[16 << 10]).AsTask();
        await corked.Flooded;
        for (var (pause, i) = (10, 0); i < 8; i++, pause = Math.Min(2 * pause, 640))
        {
            await armed;
            armed = time.ArmedAsync(TimeSpan.FromMilliseconds(Math.Min(2 * pause, 640)));
            time.Advance(TimeSpan.FromMilliseconds(pause));
        }

        await armed;
        Assert.False(reading.IsCompleted);
        endless.HasClosed = true;
        armed = time.ArmedAsync(TimeSpan.FromMilliseconds(640));
        time.Advance(TimeSpan.FromMilliseconds(640));
        await armed;
        time.Advance(TimeSpan.FromMilliseconds(640));
        Assert.Equal(0, await reading);
    }

    /// <summary>A client's frame with an all-zero mask.</summary>
    private static byte[] Frame(byte first, string payload)
    {
        var bytes = Encoding.UTF8.GetBytes(payload);
        byte[] length = bytes.Length switch
        {
            < 126 => [(byte)(0x80 | bytes.Length)],
            <= ushort.MaxValue => [0x80 | 126, (byte)(bytes.Length >> 8), (byte)bytes.Length],
            _ => [0x80 | 127, 0, 0, 0, 0, (byte)(bytes.Length >> 24), (byte)(bytes.Length >> 16),
                (byte)(bytes.Length >> 8), (byte)bytes.Length],
        };
        return [first, .. length, 0, 0, 0, 0, .. bytes];
    }

    private static async Task<(int Status, string Reason)> ReadCloseAsync(RawSocket raw)
    {
        while (await raw.ReadFrameAsync() is { } frame)
        {
            if (frame.Opcode == 8)
            {
                return ((frame.Payload[0] << 8) | frame.Payload[1], Encoding.UTF8.GetString(frame.Payload.AsSpan(2)));
            }
        }

        return (-1, "");
    }

    /// <summary>A peer that sends pings without end, and then a close frame.</summary>
    private sealed class Pings : MemoryStream
    {
        public bool HasClosed { get; set; }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var frame = Frame(HasClosed ? (byte)0x88 : (byte)0x89, "");
            var count = HasClosed ? frame.Length : buffer.Length / frame.Length * frame.Length;
            for (var i = 0; i < count; i++)
            {
                buffer.Span[i] = frame[i % frame.Length];
            }

            return ValueTask.FromResult(count);
        }
    }
}
