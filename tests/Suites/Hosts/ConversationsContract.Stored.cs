using System.Text;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Suites.Hosts;

/// <content>Lists of stored responses, and their metadata.</content>
public abstract partial class ConversationsContract
{
    private const int AppendFailed = 102;
    private const string NewPair = """{"k":"new"}""";

    [Theory]
    [InlineData("passivate")]
    [InlineData("restart")]
    [InlineData("kill")]
    public async Task ChangeMetadata_OfAnEndedTurn_IsKeptAndChangesNoEvent(string how)
    {
        var id = await Client.TellAsync("hello");
        var (events, digest) = (await Client.ReadAsync(id), await Client.DigestAsync(id));

        await ChangeAsync(id, NewPair);
        Assert.Equal(NewPair, await MetadataAsync(id));
        await EndLifeAsync(how);

        Assert.Equal(NewPair, await MetadataAsync(id));
        Assert.Equal(events, await Client.ReadAsync(id));
        var next = await Client.TellAsync("more", id);
        Assert.Equal(("{}", digest), (await MetadataAsync(next), await Client.DigestAsync(id)));
    }

    [Fact]
    public async Task ChangeMetadata_IsAnsweredWhenItIsStored()
    {
        var id = await Client.TellAsync("hello");
        var (arrived, gate) = Host.Faults.HoldAppends();

        var changing = ChangeAsync(id, NewPair);
        await arrived;
        Assert.Equal("{}", await MetadataAsync(id));
        Assert.False(changing.IsCompleted);
        gate.SetResult();
        await changing;

        Assert.Equal(NewPair, await MetadataAsync(id));
    }

    [Theory]
    [InlineData(AppendFault.Before)]
    [InlineData(AppendFault.After)]
    public async Task ChangeMetadata_WhoseAppendFails_IsMadeAgain(AppendFault fault)
    {
        Host.Log.Expect(AppendFailed);
        var id = await Client.TellAsync("hello");
        Host.Faults.FailNext(fault);

        await ChangeAsync(id, NewPair);
        await Host.KillAsync();

        Assert.Equal(NewPair, await MetadataAsync(id));
    }

    [Fact]
    public async Task ChangeMetadata_OfWhatIsNotTheCallers_IsNotFound()
    {
        var id = await Client.TellAsync("hello");
        var unstored = await Client.TellAsync("hidden", store: false);
        var other = new ContractClient(Host, "other", lease: 3);

        Assert.Equal(RefusalKind.NotFound,
            (await ContractClient.RefusedAsync(() => ChangeAsync(id, NewPair, other))).Kind);
        Assert.Equal(RefusalKind.NotFound,
            (await ContractClient.RefusedAsync(() => ChangeAsync(unstored, NewPair))).Kind);

        Assert.Equal("{}", await MetadataAsync(id));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ListResponses_OfATenant_ComeInTheOrderOfTheirConversations(bool isAscending)
    {
        var first = await Client.TellAsync("one");
        var second = await Client.TellAsync("two");
        var third = await Client.TellAsync("three", first);
        await Client.TellAsync("hidden", store: false);
        var running = await Client.SayAsync("runs");
        await new ContractClient(Host, "other", lease: 3).TellAsync("theirs");
        var gone = await Client.TellAsync("gone");
        await Client.DeleteAsync(gone);
        List<ResponseId> expected = [first, third, second];
        expected = isAscending ? expected : [second, third, first];

        Assert.Equal(expected, (await ListAsync(isAscending)).Found);
        await Host.PassivateAsync();
        var page = await ListAsync(isAscending, limit: 2);
        Assert.Equal(expected.Take(2), page.Found);
        Assert.True(page.HasMore);
        page = await ListAsync(isAscending, limit: 2, after: page.Found[1]);
        Assert.Equal(expected.Skip(2), page.Found);
        Assert.False(page.HasMore);
        Assert.Equal(RefusalKind.NotFound,
            (await ContractClient.RefusedAsync(() => ListAsync(isAscending, after: gone))).Kind);
        await Client.CancelAsync(running);
    }

    [Fact]
    public async Task ListResponses_WithAFilter_SeesWhatWasChanged()
    {
        var first = await Client.TellAsync("one");
        var second = await Client.TellAsync("two", first);
        await ChangeAsync(first, NewPair);

        static ResponseFilter Of(string value) => new()
        {
            Metadata = new Dictionary<string, string>(StringComparer.Ordinal) { ["k"] = value },
        };
        Assert.Equal([first], (await ListAsync(Of("new"))).Found);
        Assert.Empty((await ListAsync(Of("old"))).Found);
        await Host.RestartAsync();
        Assert.Equal([first], (await ListAsync(Of("new"))).Found);
        Assert.Equal([first, second], (await ListAsync(new ResponseFilter { Model = "echo" })).Found);
        Assert.Empty((await ListAsync(new ResponseFilter { Model = "gated" })).Found);
    }

    private Task ChangeAsync(ResponseId id, string metadata, ContractClient? client = null) =>
        Host.Conversations.ChangeMetadataAsync(
            (client ?? Client).Address(id), Encoding.UTF8.GetBytes(metadata), CancellationToken.None).AsTask()
            .WaitAsync(Waits.Patience);

    private async Task<string> MetadataAsync(ResponseId id) =>
        (await Client.GetAsync(id)).GetProperty("metadata").GetRawText();

    private Task<ResponsePage> ListAsync(bool isAscending, int limit = 10, ResponseId? after = null) =>
        ListAsync(new ResponseFilter { IsAscending = isAscending }, limit, after);

    private Task<ResponsePage> ListAsync(ResponseFilter filter, int limit = 10, ResponseId? after = null) =>
        Host.Conversations.ListResponsesAsync(
            new ResponseQuery(Client.Key(default).Tenant, limit, filter) { After = after }, CancellationToken.None)
            .AsTask().WaitAsync(Waits.Patience);
}
