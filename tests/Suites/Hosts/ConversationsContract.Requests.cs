using System.Text;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Suites.Hosts;

/// <content>Requests with an idempotency key that come again.</content>
public abstract partial class ConversationsContract
{
    [Fact]
    public async Task KeyedRequest_Again_AttachesAcrossRestarts()
    {
        var start = Keyed("\"one\"");
        var id = await StartAsync(start);
        var events = await Client.ReadAsync(id);
        var other = new LeaseId(2);

        Assert.Equal(id, await StartAsync(start with { Lease = other }));
        await Host.RestartAsync();
        Assert.Equal(id, await StartAsync(start with { Lease = other }));
        Assert.Equal(events, await Client.ReadAsync(id));
        Assert.Equal(1, await CountTurnsAsync(id.Conversation));
    }

    [Fact]
    public async Task KeyedRequest_AgainAfterAKill_AttachesToTheInterruptedTurn()
    {
        var start = Keyed("\"hello\"", model: "gated");
        var id = await StartAsync(start);
        await Model.CallAsync("hello");
        await Host.KillAsync();

        Assert.Equal(id, await StartAsync(start));
        Assert.Equal("response.failed", ContractClient.TypeOf((await Client.ReadAsync(id))[^1]));
        Assert.Equal(0, Model.CountCalls("hello"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task KeyedRequest_WithAnotherCreate_IsAConflict(bool isRestarted)
    {
        var start = Keyed("\"one\"");
        var id = await StartAsync(start);
        await Client.ReadAsync(id);
        if (isRestarted)
        {
            await Host.RestartAsync();
        }

        var refusal = await ContractClient.RefusedAsync(() => StartAsync(Again(start, "\"two\"")));
        var child = await ContractClient.RefusedAsync(() => StartAsync(Again(start, "\"two\"", id)));

        Assert.Equal((RefusalKind.Conflict, "idempotency_key"), (refusal.Kind, refusal.Param));
        Assert.Equal(RefusalKind.Conflict, child.Kind);
        Assert.Equal(1, await CountTurnsAsync(id.Conversation));
    }

    [Fact]
    public async Task KeyedRequest_ThatWasRefused_LeavesItsKeyFree()
    {
        var start = Keyed("7");
        await ContractClient.RefusedAsync(() => StartAsync(start));

        await Client.ReadAsync(await StartAsync(Again(start, "\"one\"")));
    }

    [Fact]
    public async Task KeyedRequest_OfADeletedResponse_IsAConflict()
    {
        var start = Keyed("\"one\"");
        var id = await StartAsync(start);
        await Client.ReadAsync(id);
        await Client.TellAsync("two", id);
        await Client.DeleteAsync(id);

        var refusal = await ContractClient.RefusedAsync(() => StartAsync(start));

        Assert.Equal(RefusalKind.Conflict, refusal.Kind);
    }

    [Fact]
    public async Task KeyedRequest_OfAContinuation_AttachesInItsConversation()
    {
        var root = await Client.TellAsync("root");
        var start = Keyed("\"one\"", root);
        var id = await StartAsync(start);
        await Client.ReadAsync(id);
        await Client.TellAsync("two", id);

        Assert.Equal(id, await StartAsync(start));

        var elsewhere = await Client.TellAsync("elsewhere");
        var second = await StartAsync(Again(start, "\"two\"", elsewhere));
        Assert.Equal(elsewhere.Conversation, second.Conversation);
        await Client.ReadAsync(second);
    }

    [Fact]
    public async Task KeyedRequest_Unstored_IsForItsOwnLease()
    {
        var start = Keyed("\"one\"", store: false);
        var id = await StartAsync(start);
        await Client.ReadAsync(id);
        var other = new ContractClient(Host, "default", lease: 2);

        var second = await StartAsync(start with { Lease = other.Lease });
        await other.ReadAsync(second);

        Assert.NotEqual(id, second);
        Assert.Equal(id, await StartAsync(start));
        Assert.Equal(second, await StartAsync(start with { Lease = other.Lease }));
        var refusal = await ContractClient.RefusedAsync(() => StartAsync(Again(start, "\"two\"")));
        Assert.Equal(RefusalKind.Conflict, refusal.Kind);
        await Client.ReleaseAsync(id.Conversation);
        Assert.Equal(second, await StartAsync(start with { Lease = other.Lease }));
        var third = await StartAsync(start);
        Assert.NotEqual(id, third);
        await Client.ReadAsync(third);
    }

    [Fact]
    public async Task KeyedRequest_OthersUnstoredTurn_IsNoConflictAndNotShown()
    {
        var start = Keyed("\"secret\"", store: false);
        var id = await StartAsync(start);
        await Client.ReadAsync(id);
        var other = new ContractClient(Host, "default", lease: 2);

        var second = await StartAsync(Again(start, "\"two\"") with { Lease = other.Lease });

        Assert.True(second.Turn.IsStored);
        Assert.Contains("1 items", string.Concat(await other.ReadAsync(second)), StringComparison.Ordinal);
        await AssertNotFoundAsync(other, id);
    }

    private StartTurn Keyed(string input, ResponseId? previous = null, bool store = true, string model = "echo") =>
        new()
        {
            Key = Client.Key(previous?.Conversation ?? ContractClient.NewConversation()),
            RequestId = ContractClient.NewRequest(),
            IsKeyed = true,
            Lease = Client.Lease,
            Create = Encoding.UTF8.GetBytes(ContractClient.Json(input, previous, model, store)),
        };

    /// <summary>Another create with the same key.</summary>
    private StartTurn Again(StartTurn start, string input, ResponseId? previous = null) => start with
    {
        Key = previous is null ? start.Key : Client.Key(previous.Value.Conversation),
        RequestId = start.RequestId ^ 1,
        Create = Encoding.UTF8.GetBytes(ContractClient.Json(input, previous, "echo")),
    };

    private Task<ResponseId> StartAsync(StartTurn start) =>
        Host.Turns.StartTurnAsync(start, CancellationToken.None).AsTask().WaitAsync(Waits.Patience);
}
