using System.Collections.Concurrent;
using System.Text;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Tests.Hosting;

namespace Evergrain.Frontend.Tests.Hosts;

/// <summary>How often the in-process host makes a check, and when it makes none.</summary>
public sealed class InProcessCheckTests
{
    private readonly RecordingCheck _check = new();

    [Fact]
    public async Task Check_StartTriedAgainByTheFrontend_IsMadeOnce()
    {
        var host = await InProcessHost.StartInMemoryAsync(check: _check);
        host.Log.Expect(102);
        host.Faults.FailNext(AppendFault.Before);
        await using var server = await TestServer.StartAsync(host);
        using var client = await WireClient.ConnectAsync(server);

        var events = await client.RunAsync("""{"type":"response.create","model":"echo","input":"one"}""");

        Assert.Equal("response.completed", events[^1].TypeOf());
        Assert.Contains(102, host.Log.Events);
        Assert.Equal(["""{"type":"message","role":"user","content":"one"}"""], _check.Seen);
    }

    [Theory]
    [InlineData(RefusalKind.InputRefused)]
    [InlineData(RefusalKind.Unavailable)]
    public async Task Check_RefusedStartTriedAgain_IsRefusedWithoutACheck(RefusalKind kind)
    {
        await using var host = await InProcessHost.StartInMemoryAsync(check: _check);
        _check.Refusal = new Refusal(kind, "No.");
        var start = Start(host, "\"one\"");

        var first = await ContractClient.RefusedAsync(() => StartAsync(host, start));
        var second = await ContractClient.RefusedAsync(() => StartAsync(host, start));

        Assert.Same(first, second);
        Assert.Single(_check.Seen);
        Assert.Empty(await host.ReadJournalAsync(start.Key));
        Assert.Equal(0, host.Counts.Activated);
    }

    [Fact]
    public async Task Check_KeyedRequestThatIsKnown_IsNotMadeAgain()
    {
        await using var host = await InProcessHost.StartInMemoryAsync(check: _check);
        var start = Start(host, "\"one\"") with { IsKeyed = true };
        var id = await StartAsync(host, start);
        await host.RestartAsync();

        Assert.Equal(id, await StartAsync(host, start with { }));
        var refusal = await ContractClient.RefusedAsync(() => StartAsync(
            host, start with { RequestId = start.RequestId ^ 1 }));

        Assert.Equal(RefusalKind.Conflict, refusal.Kind);
        Assert.Single(_check.Seen);
    }

    [Theory]
    [InlineData("7", "input")]
    [InlineData("""[7]""", "input[0]")]
    public async Task Check_MalformedCreate_IsNotMade(string input, string param)
    {
        await using var host = await InProcessHost.StartInMemoryAsync(check: _check);

        var refusal = await ContractClient.RefusedAsync(() => StartAsync(host, Start(host, input)));

        Assert.Equal((RefusalKind.InvalidRequest, param), (refusal.Kind, refusal.Param));
        Assert.Empty(_check.Seen);
    }

    private static StartTurn Start(InProcessHost host, string input) => new()
    {
        Key = new ContractClient(host, "default", 1).Key(ContractClient.NewConversation()),
        RequestId = ContractClient.NewRequest(),
        Lease = default,
        Create = Encoding.UTF8.GetBytes(ContractClient.Json(input, model: "echo")),
    };

    private static Task<Conversations.Ids.ResponseId> StartAsync(InProcessHost host, StartTurn start) =>
        host.Conversations.StartTurnAsync(start, CancellationToken.None).AsTask().WaitAsync(Waits.Patience);

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
}
