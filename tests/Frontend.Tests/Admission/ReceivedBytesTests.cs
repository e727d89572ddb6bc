using System.IO.Compression;
using System.Net;
using System.Text;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Admission;
using Evergrain.Frontend.Tests.Hosting;
using Evergrain.Suites.Hosting;

namespace Evergrain.Frontend.Tests.Admission;

/// <summary>Bytes that are being received: creates hold theirs until their turn has started.</summary>
public sealed class ReceivedBytesTests
{
    private const string Hello = """[{"say":"hello"}]""";
    private static readonly (string, string) Room = ("Admission:ReceivedBytesMax", "65536");
    private static readonly (string, string) TenantRoom = ("Tenants:*:ReceivedBytesMax", "65536");
    private static readonly (string, string) Impatient = ("Admission:QueueTimeout", "00:00:00.2");

    private readonly SemaphoreSlim _started = new(0);
    private readonly ScriptedConversations _conversations;

    public ReceivedBytesTests() => _conversations = new ScriptedConversations
    {
        OnStart = async _ => Assert.True(await _started.WaitAsync(TestServer.Patience)),
    };

    [Theory]
    [InlineData("131072", 503, "server_is_overloaded", 10_000)]
    [InlineData("65536", 429, "rate_limit_exceeded", 10_000)]
    [InlineData("131072", 503, "server_is_overloaded", 100)]
    public async Task Create_ThatFindsNoRoom_IsAnErrorAndTheSocketStays(string tenantRoom, int status, string code,
        int bytes)
    {
        await using var server = await TestServer.StartAsync(_conversations, Room, Impatient,
            ("Tenants:*:ReceivedBytesMax", tenantRoom));
        using var first = await WireClient.ConnectAsync(server);
        using var second = await WireClient.ConnectAsync(server);
        await first.SendAsync(Create(40_000));
        await _conversations.HearAsync("start");
        Assert.Equal(65_536, server.Get<ByteBudget>().Held);

        var error = Assert.Single(await second.RunAsync(Create(bytes)));

        Assert.Equal((status, code), (error.StatusOf(), error.CodeOf()));
        Assert.True(error.GetProperty("headers").TryGetProperty("retry-after", out _));
        _started.Release(2);
        Assert.Equal("response.completed", (await first.ReadTurnAsync())[^1].TypeOf());
        Assert.Equal("response.completed", (await second.RunAsync(Create(bytes)))[^1].TypeOf());
        Assert.Equal(0, server.Get<ByteBudget>().Held);
    }

    [Fact]
    public async Task Create_ThatFindsNoRoom_IsAnErrorWithTheStreamIdThatWasRead()
    {
        await using var server = await TestServer.StartAsync(_conversations, Room, Impatient);
        using var first = await WireClient.ConnectAsync(server);
        using var second = await WireClient.ConnectAsync(server);
        await first.SendAsync(Create(40_000));
        await _conversations.HearAsync("start");

        var error = Assert.Single(await second.RunAsync("{\"stream_id\":\"a\"," + Create(60_000)[1..]));

        Assert.Equal((429, "a"), (error.StatusOf(), error.GetProperty("stream_id").GetString()));
        _started.Release();
        await first.ReadTurnAsync();
    }

    [Theory]
    [InlineData(10_000)]
    [InlineData(100)]
    public async Task Create_ThatWaitsForRoom_RunsOnceThereIsSome(int bytes)
    {
        await using var server = await TestServer.StartAsync(_conversations, Room, TenantRoom);
        using var first = await WireClient.ConnectAsync(server);
        using var second = await WireClient.ConnectAsync(server);
        await first.SendAsync(Create(40_000));
        await _conversations.HearAsync("start");
        await second.SendAsync(Create(bytes));
        await UntilOneWaitsAsync(server);

        _started.Release(2);

        Assert.Equal("response.completed", (await first.ReadTurnAsync())[^1].TypeOf());
        Assert.Equal("response.completed", (await second.ReadTurnAsync())[^1].TypeOf());
    }

    [Fact]
    public async Task Cancel_WhenThereIsNoRoom_IsHeard()
    {
        await using var server = await TestServer.StartAsync(_conversations, Room, TenantRoom);
        using var raw = await RawSocket.ConnectAsync(server);
        await raw.UpgradeAsync();
        await SendAsync(raw, Create(40_000));
        await _conversations.HearAsync("start");

        // What is sent before a ping was read before its pong.
        await SendAsync(raw, """{"type":"response.cancel"}""");
        await raw.SendHeaderAsync(0x89, 0);
        Assert.Equal(0xA, (await raw.ReadFrameAsync())?.Opcode);
        _started.Release();

        var text = string.Empty;
        while (!text.Contains("response.completed", StringComparison.Ordinal) &&
            !text.Contains("response.incomplete", StringComparison.Ordinal))
        {
            text = Encoding.UTF8.GetString((await raw.ReadFrameAsync())!.Value.Payload);
        }

        Assert.Contains("response.incomplete", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cancel_ThatFailsAtTheStart_IsAnErrorAndTheCreateBeginsOnce()
    {
        _conversations.OnCancel = static () => throw ConversationException.Of(RefusalKind.Unavailable, "Moving.");
        await using var server = await TestServer.StartAsync(_conversations);
        using var raw = await RawSocket.ConnectAsync(server);
        await raw.UpgradeAsync();
        await SendAsync(raw, Create(100));
        await _conversations.HearAsync("start");
        await SendAsync(raw, """{"type":"response.cancel"}""");
        await raw.SendHeaderAsync(0x89, 0);
        Assert.Equal(0xA, (await raw.ReadFrameAsync())?.Opcode);
        _started.Release(2);

        var text = Encoding.UTF8.GetString((await raw.ReadFrameAsync())!.Value.Payload);
        Assert.Contains("Moving.", text, StringComparison.Ordinal);
        Assert.Single(_conversations.Calls, static call => call.Verb == "start");
        Assert.Equal(0, server.Get<ByteBudget>().Held);
    }

    [Fact]
    public async Task Create_InAQueueFullOfErrors_HoldsNothingOnceItsSocketIsClosed()
    {
        var never = new TaskCompletionSource();
        _conversations.OnEnd = _ => new ValueTask(never.Task);
        _started.Release();
        await using var server = await TestServer.StartAsync(_conversations, ("QueuedCreatesMax", "1"),
            ("DrainTimeout", "00:00:00.1"));
        using var client = await WireClient.ConnectAsync(server);
        await client.SendAsync(Create(100));
        await _conversations.HearAsync("read");
        for (var i = 0; i < 65; i++)
        {
            await client.SendAsync("{}");
        }

        await client.SendAsync(Create(10_000));
        await UntilAsync(server, static budget => budget.Held > 10_000);
        await server.StopAsync();

        Assert.Equal(0, server.Get<ByteBudget>().Held);
    }

    [Fact]
    public async Task Packed_AloneAndLongerThanTheRoom_Passes()
    {
        _started.Release();
        await using var server = await TestServer.StartAsync(_conversations, Room, TenantRoom);
        using var http = server.CreateHttpClient();
        using var packed = new MemoryStream();
        await using (var gzip = new GZipStream(packed, CompressionLevel.Optimal, leaveOpen: true))
        {
            await gzip.WriteAsync(Encoding.UTF8.GetBytes(Create(200_000)));
        }

        using var body = new ByteArrayContent(packed.ToArray());
        body.Headers.ContentEncoding.Add("gzip");
        using var answer = await http.PostAsync("/v1/responses", body);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(0, server.Get<ByteBudget>().Held);
    }

    [Fact]
    public async Task Packed_ThatFindsNoRoomWhileItGrows_IsRefused()
    {
        await using var server = await TestServer.StartAsync(_conversations, Room, TenantRoom, Impatient);
        using var first = await WireClient.ConnectAsync(server);
        await first.SendAsync(Create(20_000));
        await _conversations.HearAsync("start");
        using var http = server.CreateHttpClient();
        using var packed = new MemoryStream();
        await using (var gzip = new GZipStream(packed, CompressionLevel.Optimal, leaveOpen: true))
        {
            await gzip.WriteAsync(Encoding.UTF8.GetBytes(Create(60_000)));
        }

        using var body = new ByteArrayContent(packed.ToArray());
        body.Headers.ContentEncoding.Add("gzip");
        using var answer = await http.PostAsync("/v1/responses", body);

        Assert.Equal(HttpStatusCode.TooManyRequests, answer.StatusCode);
        Assert.Equal(32_768, server.Get<ByteBudget>().Held);
        _started.Release();
        Assert.Equal("response.completed", (await first.ReadTurnAsync())[^1].TypeOf());
    }

    [Fact]
    public async Task Frames_DroppedHalfRead_HoldNothing()
    {
        await using var server = await TestServer.StartAsync(_conversations, ("FrameTimeout", "00:00:01"),
            ("FrameBytesMax", "32768"));
        using var stalled = await RawSocket.ConnectAsync(server);
        await stalled.UpgradeAsync();
        await stalled.SendHeaderAsync(0x81, 30_000);
        await stalled.SendAsync(new byte[20_000]);
        using var tooLong = await RawSocket.ConnectAsync(server);
        await tooLong.UpgradeAsync();
        await tooLong.SendHeaderAsync(0x81, 40_000);
        await tooLong.SendAsync(Encoding.ASCII.GetBytes(new string(' ', 40_000)));

        Assert.Equal(1008, await stalled.ReadCloseAsync());
        Assert.Equal(1009, await tooLong.ReadCloseAsync());
        Assert.Equal(0, server.Get<ByteBudget>().Held);
    }

    [Fact]
    public async Task Server_ThatStopsWhileAFrameWaits_ClosesItsSocket()
    {
        await using var server = await TestServer.StartAsync(_conversations, Room, TenantRoom,
            ("DrainTimeout", "00:00:01"));
        using var first = await WireClient.ConnectAsync(server);
        using var second = await WireClient.ConnectAsync(server);
        await first.SendAsync(Create(40_000));
        await _conversations.HearAsync("start");
        await second.SendAsync(Create(10_000));
        await UntilOneWaitsAsync(server);

        var stopping = server.StopAsync();

        Assert.Equal(1012, await second.ReadCloseAsync());
        Assert.Equal(0, server.Get<ByteBudget>().Waiting);
        _started.Release();
        await stopping;
    }

    private static async Task SendAsync(RawSocket raw, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        await raw.SendHeaderAsync(0x81, bytes.Length);
        await raw.SendAsync(bytes);
    }

    private static string Create(int bytes) => WireClient.Create(Hello, $",\"x\":\"{new string('x', bytes)}\"");

    private static Task UntilOneWaitsAsync(TestServer server) =>
        UntilAsync(server, static budget => budget.Waiting > 0);

    private static async Task UntilAsync(TestServer server, Func<ByteBudget, bool> isSo)
    {
        using var http = server.CreateHttpClient();
        using var patience = new CancellationTokenSource(TestServer.Patience);
        while (!isSo(server.Get<ByteBudget>()))
        {
            await http.GetAsync("/health/ready", patience.Token);
        }
    }
}
