using System.Text;
using Evergrain.Frontend.Admission;
using Evergrain.Frontend.Tests.Hosting;

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
    public async Task Frames_DroppedHalfRead_HoldNothing()
    {
        await using var server = await TestServer.StartAsync(_conversations, ("FrameTimeout", "00:00:00.2"),
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

    private static async Task UntilOneWaitsAsync(TestServer server)
    {
        using var http = server.CreateHttpClient();
        using var patience = new CancellationTokenSource(TestServer.Patience);
        while (server.Get<ByteBudget>().Waiting == 0)
        {
            await http.GetAsync("/health/ready", patience.Token);
        }
    }
}
