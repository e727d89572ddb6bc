using System.Text;
using Evergrain.Frontend.Sockets;
using Evergrain.Frontend.Tests.Hosting;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Hosts;
using Evergrain.Suites.Sockets;

namespace Evergrain.Frontend.Tests.Sockets;

/// <summary>Every bound of a connection, met.</summary>
public sealed class SocketBoundsTests
{
    private const byte Text = 0x81;
    private const string Hello = """[{"say":"hello"}]""";

    [Fact]
    public async Task Creates_OverTheQueue_AreRefusedInTheirPlaceAndTheSocketStays()
    {
        using var gate = new SemaphoreSlim(0);
        var conversations = new ScriptedConversations { OnRead = async _ => await gate.WaitAsync() };
        await using var server = await TestServer.StartAsync(conversations, ("QueuedCreatesMax", "2"));
        using var client = await WireClient.ConnectAsync(server);

        await client.SendAsync(WireClient.Create(Hello));
        await conversations.HearAsync("read");
        for (var i = 0; i < 3; i++)
        {
            await client.SendAsync(WireClient.Create(Hello));
        }

        await client.SendAsync("{}");
        await CancelAndHearAsync(client, conversations);
        gate.Release(4);
        Assert.Equal("response.incomplete", (await client.ReadTurnAsync())[^1].TypeOf());
        for (var i = 0; i < 2; i++)
        {
            Assert.Equal("response.completed", (await client.ReadTurnAsync())[^1].TypeOf());
        }

        var error = Assert.Single(await client.ReadTurnAsync());
        Assert.Equal((429, "rate_limit_exceeded"), (error.StatusOf(), error.CodeOf()));
        Assert.Equal("type", Assert.Single(await client.ReadTurnAsync()).ParamOf());
        Assert.Equal("response.completed", (await client.RunAsync(WireClient.Create(Hello)))[^1].TypeOf());
    }

    [Fact]
    public async Task Creates_OverTheQueuesBytes_AreRefused()
    {
        using var gate = new SemaphoreSlim(0);
        var conversations = new ScriptedConversations { OnRead = async _ => await gate.WaitAsync() };
        await using var server = await TestServer.StartAsync(conversations, ("QueuedBytesMax", "1024"));
        using var client = await WireClient.ConnectAsync(server);

        await client.SendAsync(WireClient.Create(Hello));
        await conversations.HearAsync("read");
        await client.SendAsync(WireClient.Create(Hello, $",\"x\":\"{new string('x', 1024)}\""));
        await client.SendAsync(WireClient.Create(Hello));
        await CancelAndHearAsync(client, conversations);
        gate.Release(2);

        // The long one waited alone.
        Assert.Equal("response.incomplete", (await client.ReadTurnAsync())[^1].TypeOf());
        Assert.Equal("response.completed", (await client.ReadTurnAsync())[^1].TypeOf());
        Assert.Equal(429, Assert.Single(await client.ReadTurnAsync()).StatusOf());
    }

    [Fact]
    public async Task Frame_AsLongAsAllowed_IsTaken()
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations(), ("FrameBytesMax", "8192"));
        using var client = await WireClient.ConnectAsync(server);
        var empty = WireClient.Create(Hello, ",\"x\":\"\"").Length;

        var events = await client.RunAsync(WireClient.Create(Hello, $",\"x\":\"{new string('x', 8192 - empty)}\""));

        Assert.Equal("response.completed", events[^1].TypeOf());
    }

    [Fact]
    public async Task Frame_OfSixtyFourMebibytes_IsTakenByDefault()
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations());
        using var client = await WireClient.ConnectAsync(server);
        var empty = WireClient.Create(Hello, ",\"x\":\"\"").Length;

        var whole = await client.RunAsync(WireClient.Create(Hello,
            $",\"x\":\"{new string('x', (64 << 20) - empty)}\""));
        await client.SendAsync(new byte[(64 << 20) + 1]);

        Assert.Equal("response.completed", whole[^1].TypeOf());
        Assert.Equal(1009, await client.ReadCloseAsync());
        Assert.Equal("The message is longer than FrameBytesMax, 67108864 bytes.",
            client.Socket.CloseStatusDescription);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Frame_TooLong_ClosesWith1009(bool isText)
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations(), ("FrameBytesMax", "8192"));
        using var raw = await RawSocket.ConnectAsync(server);
        await raw.UpgradeAsync();

        await raw.SendHeaderAsync(isText ? Text : (byte)0x82, 8193);
        await raw.SendAsync(new byte[8193]);

        Assert.Equal(1009, await raw.ReadCloseAsync());
    }

    [Theory]
    [InlineData(64 << 20, 0)]
    [InlineData(32 << 20, 7)]
    public async Task Frame_TooLongAndStillOnItsWay_IsToldWhyBeforeTheConnectionEnds(int length, int secondsEach)
    {
        var time = new ManualTime();
        await using var server = await TestServer.StartAsync(new ScriptedConversations { Time = time },
            ("FrameBytesMax", "65536"), ("FrameTimeout", "00:00:30"));
        using var raw = await RawSocket.ConnectAsync(server);
        await raw.UpgradeAsync();
        await raw.SendHeaderAsync(Text, length);

        // The server takes the rest of it, for longer than CloseTimeout: no reset takes the close frame along. A piece
        // is more than sockets buffer, so the server has read into it when it is sent.
        var piece = new byte[8 << 20];
        for (var sent = 0; sent < length; sent += piece.Length)
        {
            await raw.SendAsync(piece);
            time.Advance(TimeSpan.FromSeconds(secondsEach));
        }

        var (opcode, payload) = (await raw.ReadFrameAsync())!.Value;
        Assert.Equal((8, 1009), (opcode, (payload[0] << 8) | payload[1]));
        Assert.Equal("The message is longer than FrameBytesMax, 65536 bytes.", Encoding.UTF8.GetString(payload[2..]));
        await raw.SendHeaderAsync(0x88, 0);
        Assert.Null(await raw.ReadFrameAsync());
    }

    [Theory]
    [InlineData("1024", "00:10:00")]
    [InlineData("67108864", "00:00:00.1234567")]
    public void CloseReasons_OfEveryEnd_FitIntoACloseFrame(string bytes, string time)
    {
        var options = new EvergrainOptions
        {
            FrameBytesMax = int.Parse(bytes, System.Globalization.CultureInfo.InvariantCulture),
            FrameTimeout = TimeSpan.Parse(time, System.Globalization.CultureInfo.InvariantCulture),
        };

        Assert.All(Enum.GetValues<SocketEnd>(),
            end => Assert.InRange(
                Encoding.UTF8.GetByteCount(end.CloseFrame(options, options.FrameBytesMax).Reason), 0, 123));
    }

    [Fact]
    public async Task Frame_InvalidUtf8_ClosesWith1007()
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations());
        using var raw = await RawSocket.ConnectAsync(server);
        await raw.UpgradeAsync();

        await raw.SendHeaderAsync(Text, 3);
        await raw.SendAsync((byte)'"', 0xff, (byte)'"');

        Assert.Equal(1007, await raw.ReadCloseAsync());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    public async Task Frame_HalfSent_ClosesWith1008(int sent)
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations(),
            ("FrameTimeout", "00:00:00.2"));
        using var raw = await RawSocket.ConnectAsync(server);
        await raw.UpgradeAsync();

        await raw.SendHeaderAsync(Text, 10);
        await raw.SendAsync(new byte[sent]);

        Assert.Equal(1008, await raw.ReadCloseAsync());
    }

    [Fact]
    public async Task Frame_SentInPieces_IsOne()
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations());
        using var client = await WireClient.ConnectAsync(server);
        var frame = Encoding.UTF8.GetBytes(WireClient.Create(Hello));

        await client.SendAsync(frame[..10], isEnd: false);
        await client.SendAsync([], isEnd: false);
        await client.SendAsync(frame[10..]);

        Assert.Equal("response.completed", (await client.ReadTurnAsync())[^1].TypeOf());
    }

    [Fact]
    public async Task Reader_ThatDoesNotRead_LosesItsSocket()
    {
        var conversations = new ScriptedConversations();
        await using var server = await TestServer.StartAsync(conversations, ("SendTimeout", "00:00:00.2"));
        using var raw = await RawSocket.ConnectAsync(server);
        await raw.UpgradeAsync();
        var create = Encoding.UTF8.GetBytes(WireClient.Create(
            $$"""[{"say":"{{new string('x', 15 << 20)}}"}]""", ",\"store\":false"));

        await raw.SendHeaderAsync(Text, create.Length);
        await raw.SendAsync(create);

        // Its unstored turn is released, and nothing says goodbye.
        await conversations.HearAsync("release");
        Assert.Equal(-1, await raw.ReadCloseAsync());
    }

    [Fact]
    public async Task Peer_Silent_IsPingedAndThenDropped()
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations(),
            ("PingInterval", "00:00:00.2"), ("PongTimeout", "00:00:00.2"));
        using var raw = await RawSocket.ConnectAsync(server);
        await raw.UpgradeAsync();

        Assert.Equal(9, (await raw.ReadFrameAsync())?.Opcode);
        Assert.Equal(-1, await raw.ReadCloseAsync());
    }

    [Fact]
    public async Task Peer_Idle_IsPingedAtTheIntervalThatIsSet()
    {
        var interval = TimeSpan.FromSeconds(2);
        await using var server = await TestServer.StartAsync(new ScriptedConversations(),
            ("PingInterval", $"{interval}"), ("PongTimeout", "00:00:30"));
        using var raw = await RawSocket.ConnectAsync(server);
        await raw.UpgradeAsync();
        var silences = new List<TimeSpan>();
        for (var ping = 0; ping < 5; ping++)
        {
            var began = TimeProvider.System.GetTimestamp();
            var (opcode, payload) = Assert.NotNull(await raw.ReadFrameAsync());
            silences.Add(TimeProvider.System.GetElapsedTime(began));
            Assert.Equal(9, opcode);
            await raw.SendHeaderAsync(0x8a, payload.Length);
            await raw.SendAsync(payload);
        }

        // The runtime would ping after 1.25 times the interval. On a busy machine some are late, and not all.
        Assert.InRange(silences.Min(), TimeSpan.Zero, interval * 1.1);
    }

    [Theory]
    [InlineData("false", false)]
    [InlineData("true", true)]
    public async Task Deflate_Offered_IsTakenOnlyByOption(string option, bool isTaken)
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations(), ("Compression", option));
        using var raw = await RawSocket.ConnectAsync(server);

        var head = await raw.UpgradeAsync(headers: "Sec-WebSocket-Extensions: permessage-deflate\r\n");

        Assert.StartsWith("HTTP/1.1 101", head, StringComparison.Ordinal);
        Assert.Equal(isTaken, head.Contains("server_no_context_takeover", StringComparison.Ordinal));
        Assert.Equal(isTaken, head.Contains("permessage-deflate", StringComparison.Ordinal));
    }

    /// <summary>A cancel is heard at once and in order: what was sent before it is in the queue by then.</summary>
    private static async Task CancelAndHearAsync(WireClient client, ScriptedConversations conversations)
    {
        await client.SendAsync("""{"type":"response.cancel"}""");
        await conversations.HearAsync("cancel");
    }
}
