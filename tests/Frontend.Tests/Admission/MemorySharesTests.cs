using Evergrain.Conversations;
using Evergrain.Conversations.Holding;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Admission;
using Evergrain.Frontend.Tests.Hosting;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Hosts;
using Evergrain.Suites.Transports;

namespace Evergrain.Frontend.Tests.Admission;

/// <summary>What follows from the memory that a process may use, and what a client is told of it.</summary>
public sealed class MemorySharesTests
{
    private const long MiB = 1 << 20;
    private const string Hello = """[{"say":"hello"}]""";

    [Theory]
    [InlineData(384, 192, 48, 144, 48, 24)]
    [InlineData(3 << 10, 1536, 384, 1152, 384, 64)]
    [InlineData(24 << 10, 12 << 10, 1 << 10, 11 << 10, 512, 64)]
    public void Shares_FollowFromWhatTheRuntimeMayUse(
        long available, long all, long received, long conversations, long turn, long create)
    {
        var shares = MemoryShares.Of(new AdmissionOptions(), available * MiB);

        Assert.Equal((all, received, conversations, turn, create), (shares.BytesMax / MiB,
            shares.ReceivedBytesMax / MiB, shares.Holding.ConversationBytesMax / MiB,
            shares.Holding.TurnBytesMax / MiB, shares.CreateBytesMax / MiB));
        Assert.InRange(shares.Holding.TurnBytesMax, 1, Limits.EventBytesMax);
        Assert.Contains($"{all} MiB", shares.Notice, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', shares.Notice);
    }

    [Fact]
    public void Shares_OfSettings_LeaveConversationsAQuarter()
    {
        var options = new AdmissionOptions { MemoryBytesMax = 100 * MiB, ReceivedBytesMax = 200 * MiB };

        var shares = MemoryShares.Of(options, 1 << 30);

        Assert.Equal((200 * MiB, 25 * MiB), (shares.ReceivedBytesMax, shares.Holding.ConversationBytesMax));
    }

    [Fact]
    public void Memory_OfTheRuntime_IsTheDefault()
    {
        using var host = new AdmissionHost();

        Assert.Equal(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 2, host.Settings.Current.Memory.BytesMax);
    }

    [Fact]
    public void Tenant_WithItsOwnMemory_HasThatOrTheOthers()
    {
        using var host = new AdmissionHost(AdmissionHost.Json("""{"MemoryBytesMax":67108864}""",
            """{"*":{"MemoryBytesMax":2097152},"a":{"MemoryBytesMax":4194304}}"""));

        Assert.Equal(4 * MiB, host.Settings.Current.Of("a").MemoryBytesMax);
        Assert.Equal(2 * MiB, host.Settings.Current.Of("b").MemoryBytesMax);
        Assert.Equal(16 * MiB, host.Settings.Current.Memory.ReceivedBytesMax);
    }

    [Fact]
    public async Task Request_LongerThanItsShare_IsTooLargeOnBothTransports()
    {
        await using var server = await TestServer.StartAsync(
            new ScriptedConversations(), ("Admission:MemoryBytesMax", $"{16 * MiB}"));
        var text = Creates.Of(Hello, $",\"x\":\"{new string('x', 3 << 20)}\"");
        using var http = HttpTurns.Connect(server);
        using var client = await WireClient.ConnectAsync(server);

        (await HttpTurns.ReadAsync(await http.PostCreateAsync(text))).AssertRefused(413, "request_too_large", null);
        await client.SendAsync(WireClient.Create(Hello, $",\"x\":\"{new string('x', 3 << 20)}\""));

        Assert.Equal(1009, await client.ReadCloseAsync());
        Assert.Equal($"The message is longer than FrameBytesMax, {2 * MiB} bytes.",
            client.Socket.CloseStatusDescription);
    }

    [Fact]
    public async Task Create_WithoutMemoryForIt_Is429ByName()
    {
        var conversations = new ScriptedConversations
        {
            OnStart = static _ => throw new ConversationException(new Refusal(RefusalKind.MemoryExceeded, "No.")
            {
                RetryAfter = TimeSpan.FromSeconds(2),
            }),
        };
        await using var server = await TestServer.StartAsync(conversations);
        using var http = HttpTurns.Connect(server);
        using var client = await WireClient.ConnectAsync(server);

        using var answer = await http.PostCreateAsync(Creates.Of(Hello));
        Assert.Equal("2", answer.Headers.GetValues("Retry-After").Single());
        (await HttpTurns.ReadAsync(answer)).AssertRefused(429, TenantHolding.Code, null);

        var error = Assert.Single(await client.RunAsync(WireClient.Create(Hello)));
        Assert.Equal((429, TenantHolding.Code), (error.StatusOf(), error.CodeOf()));
    }

    [Fact]
    public void Answer_WithoutRoom_IsRefusedAtOnce_AndALoneOneIsNot()
    {
        using var host = new AdmissionHost(AdmissionHost.Json("""{"ReceivedBytesMax":1048576}""",
            """{"*":{"ReceivedBytesMax":1048576}}"""));

        using (host.Budget.Hold("a", 8 * MiB))
        {
            var refusal = Assert.Throws<ConversationException>(() => host.Budget.Hold("a", 1)).Refusal;
            Assert.Equal(RefusalKind.TooManyRequests, refusal.Kind);
        }

        host.Budget.Hold("a", MiB).Dispose();
        Assert.Equal(0, host.Budget.Held);
    }

    [Fact]
    public void Memory_ThatWasHeld_IsGivenBackWhenMuchLessIs()
    {
        using var host = new AdmissionHost();
        var holding = new ProcessHolding(static () => new HoldingBounds(1 << 30, 1 << 30), static _ => long.MaxValue);
        using var memory = new MemoryReturn(holding, host.Budget, host.Time);
        Assert.False(memory.HasFallen());

        var charge = host.Budget.Hold("a", 100 * MiB);
        Assert.False(memory.HasFallen());
        charge.Dispose();
        Assert.True(memory.HasFallen());

        // It said so, and a little is not worth it.
        Assert.False(memory.HasFallen());
        charge = host.Budget.Hold("a", MiB);
        Assert.False(memory.HasFallen());
        charge.Dispose();
        Assert.False(memory.HasFallen());
    }
}
