using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>What every journal knows of the age of its conversations.</summary>
public abstract class LifetimeStoreContract : IAsyncLifetime
{
    private static readonly CancellationToken None = CancellationToken.None;
    private static readonly DateTimeOffset Start = new(2026, 1, 2, 3, 4, 5, 678, TimeSpan.Zero);

    private IJournal _journal = null!;

    protected IJournal Journal => _journal;

    protected ILifetimeStore Store => (ILifetimeStore)_journal;

    public virtual async Task InitializeAsync() => _journal = await OpenAsync();

    public virtual async Task DisposeAsync() => await _journal.DisposeAsync();

    [Fact]
    public async Task Ages_ComeInOrderOfCreation_WithTheEndOfEachLog()
    {
        for (var i = 1; i <= 5; i++)
        {
            await AppendAsync(KeyOf(i), JournalEnd.None, writer: 1, [(byte)i]);
        }

        await AppendAsync(KeyOf(2), new JournalEnd(1, 1), writer: ulong.MaxValue, [7, 8, 9]);
        await AppendAsync(KeyOf(1, "two"), JournalEnd.None, writer: 5, [5]);
        await _journal.DeleteAsync(KeyOf(3), new JournalEnd(1, 1), None);

        var all = await AgesAsync();
        Assert.Equal([KeyOf(1), KeyOf(2), KeyOf(4), KeyOf(5)], all.Select(static aged => aged.Key));
        Assert.Equal(all.OrderBy(static aged => aged.Number), all);
        Assert.Equal([new JournalEnd(1, 1), new JournalEnd(2, ulong.MaxValue)],
            all.Take(2).Select(static aged => aged.End));
        Assert.Equal(["01", "070809"], all.Take(2).Select(static aged => Convert.ToHexString(aged.LastTail.Span)));
        Assert.Equal(KeyOf(1, "two"), Assert.Single(await AgesAsync("two")).Key);
        Assert.Empty(await Store.ListOldestAsync("three", 0, 10, None));
        Assert.Empty(await Store.ListOldestAsync("one", all[^1].Number, 10, None));

        // Page by page, beside the number that the list of the newest gives.
        var first = await Store.ListOldestAsync("one", 0, 2, None);
        var second = await Store.ListOldestAsync("one", first[^1].Number, 2, None);
        Assert.Equal(all.Select(static aged => aged.Key), first.Concat(second).Select(static one => one.Key));
        var newest = await _journal.ListNewestAsync(["one"], second[^1].Number + 1, 1, None);
        Assert.Equal(second[^1].Key, Assert.Single(newest.Found).Key);
    }

    [Theory]
    [InlineData(JournalBounds.LastTailBytes - 1)]
    [InlineData(JournalBounds.LastTailBytes)]
    [InlineData(JournalBounds.LastTailBytes + 1)]
    [InlineData(3_000_000)]
    public async Task Age_HasTheLastBytesOfTheLastAppend(int bytes)
    {
        var records = new byte[bytes];
        new Random(bytes).NextBytes(records);
        await AppendAsync(KeyOf(1), JournalEnd.None, writer: 1, [1]);
        await AppendAsync(KeyOf(1), new JournalEnd(1, 1), writer: 1, records);
        var aged = Assert.Single(await AgesAsync());
        Assert.Equal(records.TakeLast(JournalBounds.LastTailBytes), aged.LastTail.ToArray());
    }

    // An end that was read is what a deletion names: what was appended after it is not deleted.
    [Fact]
    public async Task Delete_AtAnEndThatWasRead_LeavesALogThatWentOn()
    {
        await AppendAsync(KeyOf(1), JournalEnd.None, writer: 1, [1]);
        var aged = Assert.Single(await AgesAsync());
        await AppendAsync(KeyOf(1), aged.End, writer: 2, [2]);
        await Assert.ThrowsAsync<PositionTakenException>(
            () => _journal.DeleteAsync(KeyOf(1), aged.End, None).AsTask());
        aged = Assert.Single(await AgesAsync());
        await _journal.DeleteAsync(KeyOf(1), aged.End, None);
        Assert.Empty(await AgesAsync());
    }

    // What was listed may be gone when it is read, or begun anew: that is another conversation.
    [Fact]
    public async Task Age_OfOneThatIsGoneMeanwhile_HasNoEnd()
    {
        await AppendAsync(KeyOf(1), JournalEnd.None, writer: 1, [1]);
        await AppendAsync(KeyOf(2), JournalEnd.None, writer: 1, [1]);
        await AppendAsync(KeyOf(3), JournalEnd.None, writer: 1, [3]);
        var listed = await Store.ListOldestAsync("one", 0, 10, None);
        await _journal.DeleteAsync(KeyOf(1), new JournalEnd(1, 1), None);
        await _journal.DeleteAsync(KeyOf(2), new JournalEnd(1, 1), None);
        await AppendAsync(KeyOf(2), JournalEnd.None, writer: 7, [2]);
        var ages = await Store.ReadAgesAsync(listed, None);
        Assert.Equal(KeyOf(3), Assert.Single(ages, static aged => aged.End != JournalEnd.None).Key);
        Assert.Equal([KeyOf(3), KeyOf(2)], (await AgesAsync()).Select(static aged => aged.Key));
    }

    [Fact]
    public async Task Lifetime_CountsFromTheFirstStartWithIt_AlsoAfterARestart()
    {
        Assert.Empty(await Store.ReadLifetimesAsync(None));
        Assert.Equal([Kept("*", 30, day: 0)], await KeepAsync(day: 0, ("*", 30)));
        Assert.Equal([Kept("*", 30, day: 0)], await KeepAsync(day: 5, ("*", 30)));
        await ReopenAsync();
        Assert.Equal([Kept("*", 30, day: 0)], await Store.ReadLifetimesAsync(None));
        Assert.Equal([Kept("*", 30, day: 0)], await KeepAsync(day: 9, ("*", 30)));
    }

    [Fact]
    public async Task Lifetime_ThatIsShortened_CountsAnew_AndALongerOneGoesOn()
    {
        await KeepAsync(day: 0, ("*", 30), ("one", 30));
        Assert.Equal([Kept("*", 20, day: 3), Kept("one", 40, day: 0)], await KeepAsync(day: 3, ("*", 20), ("one", 40)));
        Assert.Equal([Kept("*", 30, day: 3), Kept("one", 30, day: 6)], await KeepAsync(day: 6, ("*", 30), ("one", 30)));
    }

    [Fact]
    public async Task Lifetime_ThatAStartDidNotHave_IsForgotten()
    {
        await KeepAsync(day: 0, ("*", 30), ("one", 20));
        Assert.Equal([Kept("one", 20, day: 0)], await KeepAsync(day: 1, ("one", 20)));
        Assert.Empty(await KeepAsync(day: 2));
        await ReopenAsync();
        Assert.Empty(await Store.ReadLifetimesAsync(None));
        Assert.Equal([Kept("one", 20, day: 3)], await KeepAsync(day: 3, ("one", 20)));
    }

    [Fact]
    public async Task Starts_AtOnce_KeepOneTime()
    {
        var kept = await Task.WhenAll(Enumerable.Range(0, 8).Select(
            i => Task.Run(() => KeepAsync(day: i, ("*", 30)))));
        var since = Assert.Single(await Store.ReadLifetimesAsync(None)).Since;
        Assert.All(kept, one => Assert.Equal(since, Assert.Single(one).Since));
    }

    protected abstract Task<IJournal> OpenAsync();

    /// <summary>The conversations of a tenant, and how they end.</summary>
    protected async Task<IReadOnlyList<AgedConversation>> AgesAsync(string tenant = "one") =>
        await Store.ListOldestAsync(tenant, behind: 0, limit: 10, None) is { Count: > 0 } found
            ? await Store.ReadAgesAsync(found, None)
            : [];

    protected async Task ReopenAsync()
    {
        await CloseAsync();
        _journal = await OpenAsync();
    }

    /// <summary>Closes the journal; one that is in memory stays.</summary>
    protected virtual async Task CloseAsync() => await _journal.DisposeAsync();

    protected static ConversationKey KeyOf(int number, string tenant = "one") =>
        new(tenant, new ConversationId((UInt128)number));

    protected async Task AppendAsync(ConversationKey key, JournalEnd end, ulong writer, byte[] records) =>
        await _journal.AppendAsync(key, end, writer, records, None);

    private static KeptLifetime Kept(string tenant, int days, int day) =>
        new(tenant, TimeSpan.FromDays(days), Start + TimeSpan.FromDays(day));

    private async Task<IReadOnlyList<KeptLifetime>> KeepAsync(int day, params (string Tenant, int Days)[] rules)
    {
        // A store keeps whole milliseconds.
        var now = Start + TimeSpan.FromDays(day) + TimeSpan.FromMicroseconds(400);
        var kept = await Store.KeepLifetimesAsync(
            [.. rules.Select(static rule => new LifetimeRule(rule.Tenant, TimeSpan.FromDays(rule.Days)))], now, None);
        Assert.Equal(kept.Where(one => one.Since == Start + TimeSpan.FromDays(day)),
            kept.Where(one => one.BeginsAt(now)));
        return [.. kept.OrderBy(static one => one.Tenant, StringComparer.Ordinal)];
    }
}
