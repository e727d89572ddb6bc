using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;
using Evergrain.Frontend.Admission;
using Evergrain.Frontend.Http;
using Evergrain.Frontend.Tests.Hosting;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Transports;

namespace Evergrain.Frontend.Tests.Admission;

/// <summary>Turns and tokens of a tenant per minute.</summary>
public sealed class RateGateTests
{
    private const string Hello = """[{"say":"hello"}]""";
    private static readonly string Six = AdmissionHost.Json("{}", """{"a":{"TurnsPerMinute":6}}""");
    private static readonly string Tokens = AdmissionHost.Json("{}", """{"*":{"TokensPerMinute":600}}""");

    [Fact]
    public void Turns_OfAMinute_MayBeginAtOnceAndComeBackEvenly()
    {
        using var host = new AdmissionHost(Six);
        for (var i = 0; i < 6; i++)
        {
            host.Gate.Rates.Enter("a");
        }

        var refusal = RefusalOf(host, "a");
        Assert.Equal((RefusalKind.TooManyRequests, TimeSpan.FromSeconds(10)), (refusal.Kind, refusal.RetryAfter));
        Assert.EndsWith("Please try again in 10s.", refusal.Message, StringComparison.Ordinal);

        host.Time.Advance(TimeSpan.FromSeconds(9));
        Assert.Equal(TimeSpan.FromSeconds(1), RefusalOf(host, "a").RetryAfter);
        host.Time.Advance(TimeSpan.FromSeconds(1));
        host.Gate.Rates.Enter("a");
        RefusalOf(host, "a");

        // Others have no bound.
        for (var i = 0; i < 100; i++)
        {
            host.Gate.Rates.Enter("b");
        }
    }

    [Fact]
    public void Tokens_AreTakenAtATurnsEnd_AndOwedBeyondTheBound()
    {
        using var host = new AdmissionHost(Tokens);
        host.Gate.Rates.Enter("a");
        host.Gate.Rates.Ended("a", new TurnCounts { Completed = 1, InputTokens = 1_000, OutputTokens = 200 });

        // 600 over it come back in a minute, and one more in a tenth of a second.
        Assert.Equal(60.1, RefusalOf(host, "a").RetryAfter!.Value.TotalSeconds, 0.001);
        host.Time.Advance(TimeSpan.FromSeconds(60));
        RefusalOf(host, "a");
        host.Time.Advance(TimeSpan.FromSeconds(1));
        host.Gate.Rates.Enter("a");
        host.Gate.Rates.Enter("b");
    }

    [Fact]
    public void Bounds_ThatAreReread_HoldAtOnce()
    {
        using var host = new AdmissionHost(Six);
        host.Gate.Rates.Enter("a");
        host.Rewrite(AdmissionHost.Json("{}", """{"a":{"TurnsPerMinute":1}}"""));
        RefusalOf(host, "a");
        host.Rewrite("{}");
        host.Gate.Rates.Enter("a");
    }

    [Theory]
    [InlineData(0.12, "120ms")]
    [InlineData(1.5, "1.5s")]
    [InlineData(360, "6m0s")]
    [InlineData(0, "0ms")]
    public void Reset_IsWrittenAsOpenAIDoes(double seconds, string expected) =>
        Assert.Equal(expected, RateHeaders.Write(TimeSpan.FromSeconds(seconds)));

    [Fact]
    public async Task Create_OverHttp_SaysWhereItsTenantStands()
    {
        await using var server = await TestServer.StartAsync(new ScriptedConversations(),
            ("Tenants:*:TurnsPerMinute", "2"), ("Tenants:*:TokensPerMinute", "1000"));
        using var http = HttpTurns.Connect(server);

        using var first = await http.PostCreateAsync(Creates.Of(Hello));
        using var second = await http.PostCreateAsync(Creates.Of(Hello, ",\"stream\":true"));
        using var third = await http.PostCreateAsync(Creates.Of(Hello));

        Assert.Equal(("2", "1", "1000", "1000"), (Header(first, "limit-requests"), Header(first, "remaining-requests"),
            Header(first, "limit-tokens"), Header(first, "remaining-tokens")));
        Assert.Equal("0ms", Header(first, "reset-tokens"));
        Assert.Equal("0", Header(second, "remaining-requests"));
        Assert.Equal("0", Header(third, "remaining-requests"));
        Assert.InRange(int.Parse(third.Headers.GetValues("Retry-After").Single(),
            System.Globalization.CultureInfo.InvariantCulture), 1, 30);
        (await HttpTurns.ReadAsync(third)).AssertRefused(429, "rate_limit_exceeded", null);
    }

    [Fact]
    public async Task Create_OverASocket_IsAnErrorWithATimeToComeBack()
    {
        await using var server = await TestServer.StartAsync(
            new ScriptedConversations(), ("Tenants:default:TurnsPerMinute", "1"));
        using var client = await WireClient.ConnectAsync(server);

        Assert.Equal("response.completed", (await client.RunAsync(WireClient.Create(Hello)))[^1].TypeOf());
        var error = Assert.Single(await client.RunAsync(WireClient.Create(Hello)));

        Assert.Equal((429, "rate_limit_exceeded"), (error.StatusOf(), error.CodeOf()));
        Assert.InRange(int.Parse(error.GetProperty("headers").GetProperty("retry-after").GetString()!,
            System.Globalization.CultureInfo.InvariantCulture), 1, 60);
    }

    private static Refusal RefusalOf(AdmissionHost host, string tenant) =>
        Assert.Throws<ConversationException>(() => host.Gate.Rates.Enter(tenant)).Refusal;

    private static string? Header(HttpResponseMessage answer, string name) =>
        answer.Headers.TryGetValues($"x-ratelimit-{name}", out var values) ? values.Single() : null;
}
