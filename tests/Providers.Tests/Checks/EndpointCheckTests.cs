using System.Net;
using System.Net.Sockets;
using System.Text;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Timing;
using Evergrain.Providers.Checks;
using Evergrain.Suites.Checks;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;

namespace Evergrain.Providers.Tests.Checks;

/// <summary>The endpoint of a check, asked over a real connection.</summary>
public sealed class EndpointCheckTests : IAsyncLifetime
{
    private const string Item = """{"role":"user","content":"tell  nobody \u0041"}""";
    private const int AnswerBytesMax = 64 << 10;
    private CheckEndpoint? _endpoint;

    private CheckEndpoint Endpoint => _endpoint!;

    public async Task InitializeAsync() => _endpoint = await CheckEndpoint.StartAsync();

    public async Task DisposeAsync() => await Endpoint.DisposeAsync();

    [Fact]
    public async Task Input_Allowed_WasSentAsItCame()
    {
        using var check = Check();
        var create = $$"""
            {"type":"response.create","model":"mo\u0064el","instructions":"be  \u0062rief","tools":[],
             "input":[ {{Item}} , {"type":"new_thing","x":1e2}]}
            """;

        Assert.Null(await check.CheckAsync(NewInput.Read("acme", Encoding.UTF8.GetBytes(create))));
        Assert.Null(await check.CheckAsync(Item));
        Assert.Null(await check.CheckAsync([]));

        Assert.Equal(
        [
            "{\"tenant\":\"acme\",\"model\":\"model\",\"instructions\":\"be  \\u0062rief\",\"items\":[" + Item +
                ",{\"type\":\"new_thing\",\"x\":1e2}]}",
            "{\"tenant\":\"acme\",\"model\":\"demo-1\",\"items\":[" + Item + "]}",
            """{"tenant":"acme","model":"demo-1","items":[]}""",
        ], Endpoint.Bodies);
        Assert.All(Endpoint.Heads, static head => Assert.Equal(("", "application/json"), (head.Key, head.Type)));
        Assert.Single(Endpoint.Heads.Select(static head => head.Connection).Distinct());
        Assert.Empty(check.Failures);
    }

    [Fact]
    public async Task Trace_OfTheTurn_IsNamedToTheEndpoint()
    {
        const string parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        using var check = Check();

        await check.CheckAsync(CheckDriver.Input(Item) with { Trace = new TraceContext(parent) });
        await check.CheckAsync(Item);

        Assert.Equal([parent, ""], Endpoint.Heads.Select(static head => head.Trace));
    }

    [Fact]
    public async Task Key_InTheEnvironment_IsSentAsBearer()
    {
        const string variable = "EVERGRAIN_TEST_CHECK_KEY";
        Environment.SetEnvironmentVariable(variable, "sk-check");
        using var check = Check(options => options.KeyVariable = variable);

        await check.CheckAsync(Item);

        Assert.Equal("Bearer sk-check", Assert.Single(Endpoint.Heads).Key);
    }

    [Theory]
    [InlineData("""{"allowed":false,"reason":"No poems.","param":"input[0].content","score":0.9}""", "No poems.",
        "input[0].content")]
    [InlineData("""{"allowed":false}""", "The input was refused.", null)]
    [InlineData("""{"allowed":false,"reason":"","param":null}""", "The input was refused.", null)]
    public async Task Input_Refused_IsRefusedWithTheReason(string answer, string message, string? param)
    {
        Endpoint.Answer = context => CheckEndpoint.SayAsync(context, answer);
        using var check = Check();

        var refusal = await check.CheckAsync(Item);

        Assert.Equal(new Refusal(RefusalKind.InputRefused, message, param), refusal);
        Assert.Empty(check.Failures);
    }

    [Theory]
    [InlineData(500, 500)]
    [InlineData(501, 500)]
    [InlineData(499, 499)]
    public async Task Reason_Long_IsCutBetweenCharacters(int letters, int expected)
    {
        Endpoint.Answer = context => CheckEndpoint.SayAsync(
            context, $$"""{"allowed":false,"reason":"{{new string('x', letters)}}"}""");
        using var check = Check();

        Assert.Equal(expected, (await check.CheckAsync(Item))!.Message.Length);
        Endpoint.Answer = context => CheckEndpoint.SayAsync(
            context, $$"""{"allowed":false,"reason":"{{new string('x', 499)}}😀"}""");
        Assert.Equal(new string('x', 499), (await check.CheckAsync(Item))!.Message);
    }

    [Fact]
    public async Task Rules_BesideTheEndpoint_ComeFirst()
    {
        using var check = Check(options => options.Rules.Add(new InputRule { Name = "n", Pattern = "nobody" }));

        Assert.NotNull(await check.CheckAsync(Item));
        Assert.Empty(Endpoint.Bodies);
        Assert.Null(await check.CheckAsync("""{"role":"user","content":"everybody"}"""));
        Assert.Single(Endpoint.Bodies);
    }

    [Theory]
    [InlineData("", CheckFailureKind.WrongAnswer)]
    [InlineData("SECRET", CheckFailureKind.WrongAnswer)]
    [InlineData("[]", CheckFailureKind.WrongAnswer)]
    [InlineData("{}", CheckFailureKind.WrongAnswer)]
    [InlineData("""{"allowed":"SECRET"}""", CheckFailureKind.WrongAnswer)]
    [InlineData("""{"allowed":true,"allowed":false}""", CheckFailureKind.WrongAnswer)]
    [InlineData("""{"allowed":true} SECRET""", CheckFailureKind.WrongAnswer)]
    [InlineData("""{"allowed":false,"reason":["SECRET"]}""", CheckFailureKind.WrongAnswer)]
    [InlineData("""{"allowed":false,"reason":"SECRET\ud800"}""", CheckFailureKind.WrongAnswer)]
    [InlineData("""{"allowed":true}""", CheckFailureKind.WrongStatus, 201)]
    [InlineData("""{"allowed":true}""", CheckFailureKind.WrongStatus, 302)]
    [InlineData("SECRET", CheckFailureKind.WrongStatus, 403)]
    [InlineData("SECRET", CheckFailureKind.WrongStatus, 500)]
    public async Task Answer_Wrong_IsAFailureThatDoesNotTellIt(string answer, CheckFailureKind kind, int status = 200)
    {
        Endpoint.Answer = context =>
        {
            context.Response.Headers.Location = "/elsewhere";
            return CheckEndpoint.SayAsync(context, answer, status);
        };
        using var check = Check();

        var refusal = await check.CheckAsync(Item);

        Assert.Equal((RefusalKind.Unavailable, TimeSpan.FromSeconds(20)), (refusal!.Kind, refusal.RetryAfter));
        var failure = Assert.Single(check.Failures);
        Assert.Equal(kind, failure.Kind);
        Assert.DoesNotContain("SECRET", failure.Message, StringComparison.Ordinal);
        Assert.Single(Endpoint.Bodies);
    }

    [Theory]
    [InlineData(AnswerBytesMax, 0)]
    [InlineData(AnswerBytesMax + 1, 1)]
    [InlineData(1 << 22, 1)]
    public async Task Answer_Long_IsReadUpToTheBound(int length, int failures)
    {
        Endpoint.Answer = context => CheckEndpoint.SayAsync(context, """{"allowed":true}""".PadRight(length));
        using var check = Check();

        Assert.Equal(failures == 0, await check.CheckAsync(Item) is null);
        Assert.Equal(failures, check.Failures.Count);
    }

    [Fact]
    public async Task Endpoint_CutsTheConnection_IsAFailure()
    {
        Endpoint.Answer = static context =>
        {
            context.Abort();
            return Task.CompletedTask;
        };
        using var check = Check();

        Assert.Equal(RefusalKind.Unavailable, (await check.CheckAsync(Item))!.Kind);
        Assert.Equal(CheckFailureKind.Unreachable, Assert.Single(check.Failures).Kind);
    }

    [Fact]
    public async Task Endpoint_NotThere_IsAFailureOfTheSettingsMeaning()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        listener.Stop();
        using var check = Check(options =>
            (options.Url, options.OnFailure) = ($"http://127.0.0.1:{port}/", FailureMeaning.Allow));

        Assert.Null(await check.CheckAsync(Item));
        Assert.Equal(CheckFailureKind.Unreachable, Assert.Single(check.Failures).Kind);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Endpoint_Stalls_IsGivenUpInTime(bool hasBegun)
    {
        Endpoint.Answer = async context =>
        {
            if (hasBegun)
            {
                await CheckEndpoint.SayAsync(context, """{"allowed":""");
                await context.Response.Body.FlushAsync();
            }

            await Endpoint.StallAsync(context);
        };
        var time = new FakeTimeProvider();
        using var check = Check(time: time);
        var asking = check.CheckAsync(Item);
        await Endpoint.AskedAsync();

        time.Advance(TimeSpan.FromSeconds(20));

        Assert.Equal(RefusalKind.Unavailable, (await asking)!.Kind);
        Assert.Equal(CheckFailureKind.TimedOut, Assert.Single(check.Failures).Kind);
        await Endpoint.Abandoned;
    }

    [Fact]
    public async Task Caller_Gone_CancelsTheRequest()
    {
        Endpoint.Answer = Endpoint.StallAsync;
        using var check = Check();
        using var gone = new CancellationTokenSource();
        var asking = check.CheckAsync(CheckDriver.Input(Item), gone.Token);
        await Endpoint.AskedAsync();

        await gone.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asking);
        await Endpoint.Abandoned;
        Assert.Empty(check.Failures);
    }

    [Fact]
    public async Task Items_Large_ArriveWhole()
    {
        using var check = Check();
        string[] items = [.. Enumerable.Range(0, 8).Select(i => $$"""{"role":"user","content":"{{i}}{{Long}}"}""")];

        Assert.Null(await check.CheckAsync(items));

        Assert.Equal($$"""{"tenant":"acme","model":"demo-1","items":[{{string.Join(',', items)}}]}""",
            Assert.Single(Endpoint.Bodies));
    }

    [Fact]
    public async Task Body_BeingWritten_IsNotAtRest()
    {
        using var body = new EndpointBody(CheckDriver.Input(Item));
        await using var stream = new GatedStream();
        var writing = body.CopyToAsync(stream, CancellationToken.None);

        var rest = body.RestAsync();
        Assert.False(rest.IsCompleted);
        stream.Break();

        await rest.WaitAsync(CheckEndpoint.Patience);
        await Assert.ThrowsAnyAsync<Exception>(() => writing);
    }

    private static string Long { get; } = new('x', 1 << 20);

    private CheckDriver Check(Action<InputCheckOptions>? change = null, TimeProvider? time = null)
    {
        var options = new InputCheckOptions { Url = Endpoint.Url, Timeout = TimeSpan.FromSeconds(20) };
        change?.Invoke(options);
        return new CheckDriver(options, time);
    }

    /// <summary>Takes no byte, until it breaks.</summary>
    private sealed class GatedStream : MemoryStream
    {
        private readonly TaskCompletionSource _broken = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Break() => _broken.SetException(new IOException("broken"));

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
            => new(_broken.Task);
    }
}
