using System.IO.Compression;
using System.IO.Pipelines;
using System.Net;
using System.Text;
using System.Text.Json;
using Evergrain.Frontend.Admission;
using Evergrain.Frontend.Tests.Hosting;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Transports;

namespace Evergrain.Frontend.Tests.Admission;

/// <summary>The same bounds over HTTP: one gate, one budget, other words.</summary>
public sealed class AdmissionHttpTests : IDisposable
{
    private const string Hello = """[{"say":"hello"}]""";
    private static readonly (string, string) OneTurn = ("Admission:RunningTurnsMax", "1");
    private static readonly (string, string) Impatient = ("Admission:QueueTimeout", "00:00:00.2");

    // One permit lets one turn start.
    private readonly SemaphoreSlim _started = new(0);
    private readonly ScriptedConversations _conversations;

    public AdmissionHttpTests() => _conversations = new ScriptedConversations
    {
        OnStart = async _ => Assert.True(await _started.WaitAsync(TestServer.Patience)),
    };

    public void Dispose() => _started.Dispose();

    [Theory]
    [InlineData("Admission:RunningTurnsMax", 503, "server_is_overloaded", "")]
    [InlineData("Tenants:default:RunningTurnsMax", 429, "rate_limit_exceeded", "")]
    [InlineData("Admission:RunningTurnsMax", 503, "server_is_overloaded", ",\"stream\":true")]
    [InlineData("Admission:RunningTurnsMax", 503, "server_is_overloaded", ",\"background\":true")]
    public async Task Create_ThatFoundNoPlaceInTime_IsRefusedWithATimeToComeBack(string setting, int status,
        string code, string more)
    {
        await using var server = await TestServer.StartAsync(_conversations, (setting, "1"), Impatient);
        using var http = HttpTurns.Connect(server);
        var first = http.PostCreateAsync(Creates.Of(Hello));
        await _conversations.HearAsync("start");

        using var answer = await http.PostCreateAsync(Creates.Of(Hello, more));

        Assert.Equal("1", answer.Headers.GetValues("Retry-After").Single());
        Assert.Equal("true", answer.Headers.GetValues("x-should-retry").Single());
        (await HttpTurns.ReadAsync(answer)).AssertRefused(status, code, null);
        _started.Release();
        Assert.Equal(HttpStatusCode.OK, (await first).StatusCode);
        Assert.Equal((0, 0L), (server.Get<TurnGate>().Waiting, server.Get<ByteBudget>().Held));
    }

    [Fact]
    public async Task Create_WhoseClientLeavesWhileItWaits_IsForgotten()
    {
        await using var server = await TestServer.StartAsync(_conversations, OneTurn);
        using var http = HttpTurns.Connect(server);
        using var leave = new CancellationTokenSource();
        var first = http.PostCreateAsync(Creates.Of(Hello));
        await _conversations.HearAsync("start");
        using var body = new StringContent(Creates.Of(Hello), Encoding.UTF8, "application/json");
        var second = http.PostAsync("/v1/responses", body, leave.Token);
        await UntilAsync(server, () => server.Get<TurnGate>().Waiting == 1);

        await leave.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        await UntilAsync(server, () => server.Get<TurnGate>().Waiting == 0);
        _started.Release();
        Assert.Equal(HttpStatusCode.OK, (await first).StatusCode);
        Assert.Single(_conversations.Calls, static call => call.Verb == "start");
    }

    [Theory]
    [InlineData(10_000, false)]
    [InlineData(100, false)]
    [InlineData(10_000, true)]
    public async Task Body_WithoutRoom_WaitsAndIsTakenOrRefused(int bytes, bool isPacked)
    {
        await using var server = await TestServer.StartAsync(_conversations,
            ("Admission:ReceivedBytesMax", "65536"), ("Tenants:*:ReceivedBytesMax", "65536"),
            ("Admission:QueueTimeout", "00:00:05"));
        using var http = HttpTurns.Connect(server);
        var first = http.PostCreateAsync(Creates.Of(Hello, Padding(40_000)));
        await _conversations.HearAsync("start");
        Assert.Equal(65_536, server.Get<ByteBudget>().Held);

        using var refused = await PostAsync(http, bytes, isPacked);
        var waiting = PostAsync(http, bytes, isPacked);
        await UntilAsync(server, () => server.Get<ByteBudget>().Waiting == 1);
        _started.Release(2);

        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.Equal("rate_limit_exceeded", JsonDocument.Parse(await refused.Content.ReadAsStringAsync())
            .RootElement.CodeOf());
        Assert.Equal(HttpStatusCode.OK, (await first).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await waiting).StatusCode);
        await UntilAsync(server, () => server.Get<ByteBudget>().Held == 0);
    }

    [Fact]
    public async Task Body_ThatWaitedForRoom_HasItsWholeTimeLeft()
    {
        await using var server = await TestServer.StartAsync(_conversations, ("BodyTimeout", "00:00:05"),
            ("Admission:ReceivedBytesMax", "65536"), ("Tenants:*:ReceivedBytesMax", "65536"));
        using var http = HttpTurns.Connect(server);
        var first = http.PostCreateAsync(Creates.Of(Hello, Padding(40_000)));
        await _conversations.HearAsync("start");
        var body = new Pipe();
        using var content = new StreamContent(body.Reader.AsStream());
        var waiting = http.PostAsync("/v1/responses", content);
        var create = Encoding.UTF8.GetBytes(Creates.Of(Hello, Padding(20_000)));
        await body.Writer.WriteAsync(create.AsMemory(0, 10_000));
        await UntilAsync(server, () => server.Get<ByteBudget>().Waiting == 1);

        // Longer than a body may take.
        var begun = TimeProvider.System.GetTimestamp();
        await UntilAsync(server, () => TimeProvider.System.GetElapsedTime(begun) > TimeSpan.FromSeconds(5.5));
        _started.Release();
        Assert.Equal(HttpStatusCode.OK, (await first).StatusCode);
        await body.Writer.WriteAsync(create.AsMemory(10_000));
        await body.Writer.CompleteAsync();
        _started.Release();

        Assert.Equal(HttpStatusCode.OK, (await waiting).StatusCode);
    }

    [Fact]
    public async Task Body_Packed_IsChargedForWhatItUnpacksTo()
    {
        await using var server = await TestServer.StartAsync(_conversations);
        using var http = HttpTurns.Connect(server);

        var posting = PostAsync(http, 1_000_000, isPacked: true);
        await _conversations.HearAsync("start");

        // And for the few KB that it came as: those stay charged until the turn has started.
        Assert.InRange(server.Get<ByteBudget>().Held, 1 << 20, (1 << 20) + (16 << 10));
        _started.Release();
        Assert.Equal(HttpStatusCode.OK, (await posting).StatusCode);
        await UntilAsync(server, () => server.Get<ByteBudget>().Held == 0);
    }

    private static string Padding(int bytes) => $",\"x\":\"{new string('x', bytes)}\"";

    private static async Task<HttpResponseMessage> PostAsync(HttpClient http, int bytes, bool isPacked)
    {
        var create = Encoding.UTF8.GetBytes(Creates.Of(Hello, Padding(bytes)));
        using var packed = new MemoryStream();
        await using (var gzip = new GZipStream(packed, CompressionLevel.Optimal, leaveOpen: true))
        {
            await gzip.WriteAsync(create);
        }

        using var content = new ByteArrayContent(isPacked ? packed.ToArray() : create);
        content.Headers.TryAddWithoutValidation("Content-Type", "application/json");
        content.Headers.TryAddWithoutValidation("Content-Encoding", isPacked ? "gzip" : "identity");
        return await http.PostAsync("/v1/responses", content);
    }

    /// <summary>Waits until something is so; asks over HTTP, so that the server is not kept from it.</summary>
    private static async Task UntilAsync(TestServer server, Func<bool> isSo)
    {
        using var http = server.CreateHttpClient();
        using var patience = new CancellationTokenSource(TestServer.Patience);
        while (!isSo())
        {
            await http.GetAsync("/health/ready", patience.Token);
        }
    }
}
