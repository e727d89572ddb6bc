using System.Collections.Concurrent;
using System.Text;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Suites.Hosting;

namespace Evergrain.Suites.Hosts;

/// <summary>How often a host makes a check, and when it makes none.</summary>
public abstract class CheckContract : HostContract
{
    private const int AppendFailed = 102;
    private readonly RecordingCheck _check = new();

    protected CheckContract(IContractHosts hosts)
        : base(hosts) => Setup = new HostSetup { Check = _check };

    protected override HostSetup Setup { get; }

    [Fact]
    public async Task Check_StartTriedAgainByTheFrontend_IsMadeOnce()
    {
        Host.Log.Expect(AppendFailed);
        Host.Faults.FailNext(AppendFault.Before);
        await using var server = await TestServer.StartAsync(new Kept(Host));
        using var client = await WireClient.ConnectAsync(server);

        var events = await client.RunAsync("""{"type":"response.create","model":"echo","input":"one"}""");

        Assert.Equal("response.completed", events[^1].TypeOf());
        Assert.Contains(AppendFailed, Host.Log.Events);
        Assert.Equal(["""{"type":"message","role":"user","content":"one"}"""], _check.Seen);
    }

    [Fact]
    public async Task Check_ThatRefuses_IsRememberedAndNothingIsWritten()
    {
        _check.Refusal = new Refusal(RefusalKind.InputRefused, "No.");
        var start = Start("\"one\"");

        var first = await ContractClient.RefusedAsync(() => StartAsync(start));
        var second = await ContractClient.RefusedAsync(() => StartAsync(start));

        Assert.Equal(("No.", first), (first.Message, second));
        Assert.Single(_check.Seen);
        Assert.Empty(await Host.ReadJournalAsync(start.Key));
        _check.Refusal = null;
        await StartAsync(start with { RequestId = ContractClient.NewRequest() });
    }

    [Fact]
    public async Task Check_ThatCouldNotBeMade_IsMadeAgain()
    {
        _check.Refusal = new Refusal(RefusalKind.Unavailable, "Not now.");
        var start = Start("\"one\"");
        var refusal = await ContractClient.RefusedAsync(() => StartAsync(start));
        Assert.Equal(RefusalKind.Unavailable, refusal.Kind);

        _check.Refusal = null;
        await StartAsync(start);

        Assert.Equal(2, _check.Seen.Count);
    }

    [Fact]
    public async Task Check_KeyedRequestThatIsKnown_IsNotMadeAgain()
    {
        var start = Start("\"one\"") with { IsKeyed = true };
        var id = await StartAsync(start);
        await Host.RestartAsync();

        Assert.Equal(id, await StartAsync(start with { }));
        var refusal = await ContractClient.RefusedAsync(() => StartAsync(
            start with { RequestId = start.RequestId ^ 1 }));

        Assert.Equal(RefusalKind.Conflict, refusal.Kind);
        Assert.Single(_check.Seen);
    }

    [Theory]
    [InlineData("7", "input")]
    [InlineData("""[7]""", "input[0]")]
    public async Task Check_MalformedCreate_IsNotMade(string input, string param)
    {
        var refusal = await ContractClient.RefusedAsync(() => StartAsync(Start(input)));

        Assert.Equal((RefusalKind.InvalidRequest, param), (refusal.Kind, refusal.Param));
        Assert.Empty(_check.Seen);
    }

    private StartTurn Start(string input) => new()
    {
        Key = Client.Key(ContractClient.NewConversation()),
        RequestId = ContractClient.NewRequest(),
        Lease = default,
        Create = Encoding.UTF8.GetBytes(ContractClient.Json(input, model: "echo")),
    };

    private Task<ResponseId> StartAsync(StartTurn start) =>
        Host.Turns.StartTurnAsync(start, CancellationToken.None).AsTask().WaitAsync(Waits.Patience);

    private sealed class RecordingCheck : IInputCheck
    {
        public ConcurrentQueue<string> Seen { get; } = new();

        public Refusal? Refusal { get; set; }

        public ValueTask<Refusal?> CheckAsync(NewInput input, CancellationToken cancellationToken)
        {
            Seen.Enqueue(string.Concat(input.Items.Select(static item => Encoding.UTF8.GetString(item.Span))));
            return ValueTask.FromResult(Refusal);
        }
    }

    /// <summary>A server disposes its host; this one is the contract's.</summary>
    private sealed class Kept(ContractHost host) : ConversationsHost
    {
        public override ITurns Turns => host.Turns;

        public override IConversations Conversations => host.Conversations;

        public override IReadOnlyList<IModelBackend> Backends => host.Backends;
    }
}
