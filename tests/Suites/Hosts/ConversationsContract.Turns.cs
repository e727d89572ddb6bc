using System.Text.Json;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Suites.Hosts;

/// <content>Turns as shapes, and the comparison with the journal.</content>
public abstract partial class ConversationsContract
{
    [Fact]
    public async Task ListTurns_GivesTheTreeWithDigestsAndNoContent()
    {
        var first = await Client.TellAsync("secret words");
        var second = await Client.TellAsync("more secret words", first);
        var fork = await Client.TellAsync("other secret words", first);

        var page = await ListTurnsAsync(first.Conversation);
        var turns = page.GetProperty("data").EnumerateArray().ToList();

        Assert.DoesNotContain("secret", page.GetRawText(), StringComparison.Ordinal);
        Assert.Equal([$"{first}", $"{second}", $"{fork}"], turns.Select(static turn => TextOf(turn, "id")));
        Assert.Equal([null, $"{first}", $"{first}"],
            turns.Select(static turn => TextOf(turn, "previous_response_id")));
        Assert.Equal([2, 4, 4], turns.Select(static turn => turn.GetProperty("items").GetProperty("held").GetInt32()));
        Assert.All(turns, static turn => Assert.Equal("completed", TextOf(turn, "status")));
        Assert.Equal((await Client.GetAsync(fork)).GetProperty("evergrain").GetProperty("digest").GetString(),
            TextOf(turns[2], "digest"));
        Assert.All(turns, static turn => Assert.Equal(JsonValueKind.Object, turn.GetProperty("timing").ValueKind));
    }

    [Fact]
    public async Task ListTurns_InPages_CoversThemOnce()
    {
        ResponseId? last = null;
        for (var i = 0; i < 5; i++)
        {
            last = await Client.TellAsync($"turn {i}", last);
        }

        var numbers = new List<int>();
        for (var hasMore = true; hasMore;)
        {
            var page = await ListTurnsAsync(last!.Value.Conversation, numbers.LastOrDefault(), limit: 2);
            numbers.AddRange(page.GetProperty("data").EnumerateArray()
                .Select(static turn => turn.GetProperty("number").GetInt32()));
            hasMore = page.GetProperty("has_more").GetBoolean();
        }

        Assert.Equal([1, 2, 3, 4, 5], numbers);
    }

    [Fact]
    public async Task ListTurns_OfUnstoredTurns_GivesShapesWhileTheyAreHeld()
    {
        var id = await Client.TellAsync("secret words", store: false);

        var page = await ListTurnsAsync(id.Conversation);
        Assert.Equal($"{id}", TextOf(Assert.Single(page.GetProperty("data").EnumerateArray()), "id"));
        Assert.DoesNotContain("secret", page.GetRawText(), StringComparison.Ordinal);

        await Host.Conversations.ReleaseAsync(Client.Key(id.Conversation), Client.Lease, CancellationToken.None);
        await AssertNoTurnsAsync(Client.Key(id.Conversation));
    }

    [Fact]
    public async Task Turns_OfAnotherTenant_AreNotFound()
    {
        var id = await Client.TellAsync("mine");
        var other = new ContractClient(Host, "other", lease: 3);

        await AssertNoTurnsAsync(other.Key(id.Conversation));
        await AssertNoTurnsAsync(Client.Key(ContractClient.NewConversation()));
        var refused = await Assert.ThrowsAsync<ConversationException>(() =>
            Host.Conversations.VerifyAsync(other.Key(id.Conversation), CancellationToken.None).AsTask());
        Assert.Equal(RefusalKind.NotFound, refused.Refusal.Kind);
    }

    [Fact]
    public async Task Verify_WarmAndReadAgain_IsEqual()
    {
        var first = await Client.TellAsync("one");
        await Client.TellAsync("two", first);
        await Client.TellAsync("three", first);

        Assert.Equal(new Verification(3, [], null), await VerifyAsync(first.Conversation), AreSame);
        await Host.PassivateAsync();
        Assert.Equal(new Verification(3, [], null), await VerifyAsync(first.Conversation), AreSame);
    }

    [Fact]
    public async Task Verify_OfAJournalThatLostItsEnd_NamesTheTurn()
    {
        var first = await Client.TellAsync("one");
        var second = await Client.TellAsync("two", first);

        await RewriteAsync(first.Conversation, static entries => entries.SkipLast(1));

        var verification = await VerifyAsync(first.Conversation);
        Assert.False(verification.IsEqual);
        Assert.Equal([$"{second}"], verification.Different);
    }

    [Fact]
    public async Task Verify_OfAJournalThatIsGone_NamesEveryTurn()
    {
        var first = await Client.TellAsync("one");
        var second = await Client.TellAsync("two", first);

        await RewriteAsync(first.Conversation, static _ => []);

        Assert.Equal([$"{first}", $"{second}"], (await VerifyAsync(first.Conversation)).Different);
    }

    [Fact]
    public async Task Verify_OfADamagedJournal_SaysSo()
    {
        var first = await Client.TellAsync("one");

        await RewriteAsync(first.Conversation, static entries => entries.Select(static entry =>
        {
            var bytes = entry.Records.ToArray();
            bytes[bytes.Length / 2] ^= 1;
            return entry with { Records = bytes };
        }));

        var verification = await VerifyAsync(first.Conversation);
        Assert.False(verification.IsEqual);
        Assert.NotNull(verification.Fault);
    }

    private static string? TextOf(JsonElement json, string name) => json.GetProperty(name).GetString();

    private static bool AreSame(Verification one, Verification other) =>
        (one.Turns, one.Fault) == (other.Turns, other.Fault) && one.Different.SequenceEqual(other.Different);

    private async Task<Verification> VerifyAsync(ConversationId id) => await Host.Conversations.VerifyAsync(
        Client.Key(id), CancellationToken.None).AsTask().WaitAsync(Waits.Patience);

    private async Task<JsonElement> ListTurnsAsync(ConversationId id, int after = 0, int limit = 100) =>
        JsonDocument.Parse(await Host.Conversations.ListTurnsAsync(
            Client.Key(id), after, limit, CancellationToken.None).AsTask().WaitAsync(Waits.Patience)).RootElement;

    private async Task AssertNoTurnsAsync(ConversationKey key)
    {
        var refused = await Assert.ThrowsAsync<ConversationException>(() =>
            Host.Conversations.ListTurnsAsync(key, 0, 100, CancellationToken.None).AsTask());
        Assert.Equal(RefusalKind.NotFound, refused.Refusal.Kind);
    }

    /// <summary>Puts other appends into the journal, while the conversation is warm.</summary>
    private async Task RewriteAsync(
        ConversationId id, Func<IReadOnlyList<JournalEntry>, IEnumerable<JournalEntry>> change)
    {
        var key = Client.Key(id);
        var entries = await Host.Store.ReadAsync(key, JournalEnd.None, CancellationToken.None).ToListAsync();
        await Host.Store.DeleteAsync(key, JournalEnd.Behind(entries[^1]), CancellationToken.None);
        var end = JournalEnd.None;
        foreach (var entry in change(entries))
        {
            await Host.Store.AppendAsync(key, end, entry.Writer, entry.Records, CancellationToken.None);
            end = JournalEnd.Behind(entry);
        }
    }
}
