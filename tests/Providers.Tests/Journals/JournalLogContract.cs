using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>What every journal promises of reading, listing and deleting.</summary>
public abstract class JournalLogContract : JournalContract
{
    [Fact]
    public async Task Read_UnknownConversation_GivesNothing() => Assert.Empty(await ReadAllAsync(NewKey()));

    [Theory]
    [InlineData(0, 600)]
    [InlineData(1, 599)]
    [InlineData(599, 1)]
    [InlineData(600, 0)]
    public async Task Read_FromPosition_GivesTheRestInOrder(long from, int expected)
    {
        var key = NewKey();
        await FillAsync(key, 600);

        var entries = await ReadAllAsync(key, from);

        Assert.Equal(Enumerable.Range(0, expected).Select(i => from + i), entries.Select(e => e.Position));
    }

    [Theory]
    [InlineData(4, 1)]
    [InlineData(3, 2)]
    [InlineData(2, 2)]
    [InlineData(0, 1)]
    [InlineData(JournalBounds.PositionMax, 1)]
    public async Task Read_BehindAnEndTheLogNeverHad_IsRefused(long position, ulong lastWriter)
    {
        var key = NewKey();
        await FillAsync(key, 3);

        var refused = await Assert.ThrowsAsync<PositionTakenException>(
            () => ReadAllAsync(key, new JournalEnd(position, lastWriter)));

        Assert.Equal(new JournalEnd(position, lastWriter), refused.End);
    }

    [Fact]
    public async Task Log_BegunAnewAfterItsEndWasSeen_RefusesWhoeverHoldsThatEnd()
    {
        var key = NewKey();
        await FillAsync(key, 3);
        var seen = await Journal.EndAsync(key, Token);
        await Journal.DeleteAsync(key, seen, Token);
        for (var position = 0; position < 3; position++)
        {
            await Journal.AppendAsync(key, position, writer: 2, Bytes(2, 10), Token);
        }

        await Assert.ThrowsAsync<PositionTakenException>(
            async () => await Journal.AppendAsync(key, seen, 1, Bytes(1, 10), Token));
        await Assert.ThrowsAsync<PositionTakenException>(() => ReadAllAsync(key, seen));
        await Assert.ThrowsAsync<PositionTakenException>(async () => await Journal.DeleteAsync(key, seen, Token));

        Assert.All(await ReadAllAsync(key), entry => Assert.Equal(2UL, entry.Writer));
    }

    [Fact]
    public async Task Delete_AtAnotherEnd_IsRefusedAndLeavesEverything()
    {
        var key = NewKey();
        await FillAsync(key, 3);

        foreach (var end in (JournalEnd[])[JournalEnd.None, new(2, 1), new(3, 2), new(4, 1)])
        {
            await Assert.ThrowsAsync<PositionTakenException>(async () => await Journal.DeleteAsync(key, end, Token));
        }

        Assert.Equal(3, (await ReadAllAsync(key)).Count);
    }

    [Fact]
    public async Task Delete_TakesEverything_AndTheFenceBeginsAtZero()
    {
        var key = NewKey();
        await FillAsync(key, 300);

        await Journal.DeleteAsync(key, Token);

        Assert.Empty(await ReadAllAsync(key));
        await AssertRefusedAsync(key, 300);
        await AssertRefusedAsync(key, 1);
        Assert.Empty(await Journal.ListAsync(Tenant, after: null, 10, Token));
        await Journal.AppendAsync(key, 0, 9, Bytes(9, 3), Token);
        Assert.Equal(9UL, Assert.Single(await ReadAllAsync(key)).Writer);
    }

    [Fact]
    public async Task Delete_WhatIsNotThere_IsNoError() =>
        await Journal.DeleteAsync(NewKey(), new JournalEnd(2, 1), Token);

    [Fact]
    public async Task Delete_LeavesOtherConversationsAlone()
    {
        var (kept, gone) = (NewKey(), NewKey());
        await FillAsync(kept, 5);
        await FillAsync(gone, 5);

        await Journal.DeleteAsync(gone, Token);

        Assert.Equal(5, (await ReadAllAsync(kept)).Count);
        await Journal.AppendAsync(kept, 5, 1, Bytes(1, 1), Token);
    }

    [Fact]
    public async Task Tenants_WithOneId_AreTwoConversations()
    {
        var key = NewKey();
        var other = key with { Tenant = "other" };
        await FillAsync(key, 2);

        Assert.Empty(await ReadAllAsync(other));
        Assert.Empty(await Journal.ListAsync("other", after: null, 10, Token));
        await AssertRefusedAsync(other, 2);
        await Journal.AppendAsync(other, 0, 5, Bytes(5, 5), Token);
        await Journal.DeleteAsync(key, Token);

        Assert.Equal(5UL, Assert.Single(await ReadAllAsync(other)).Writer);
        Assert.Equal([other.Id], await Journal.ListAsync("other", after: null, 10, Token));
    }

    [Fact]
    public async Task List_InPages_GivesEachConversationOnceInOrderOfCreation()
    {
        var keys = Enumerable.Range(0, 25).Select(_ => NewKey()).ToList();
        foreach (var key in keys)
        {
            await Journal.AppendAsync(key, 0, 1, Bytes(1, 10), Token);
        }

        await Journal.AppendAsync(keys[3], 1, 1, Bytes(1, 10), Token);
        await Journal.DeleteAsync(keys[5], Token);
        await Journal.DeleteAsync(keys[6], Token);
        await Journal.AppendAsync(keys[6], 0, 1, Bytes(1, 10), Token);
        var expected = keys.Where(k => k != keys[5] && k != keys[6]).Append(keys[6]).Select(k => k.Id);

        Assert.Equal(expected, await ListAllAsync(limit: 4));
        Assert.Equal(expected, await ListAllAsync(limit: 100));
    }

    [Fact]
    public async Task ListNewest_OfTenants_GivesEachConversationOnceFromTheNewest()
    {
        var keys = Enumerable.Range(0, 12)
            .Select(i => NewKey() with { Tenant = i % 3 == 0 ? "other" : Tenant }).ToList();
        foreach (var key in keys)
        {
            await FillAsync(key, 2, bytes: 3_000);
        }

        await Journal.DeleteAsync(keys[5], Token);
        await Journal.DeleteAsync(keys[6], Token);
        await FillAsync(keys[6], 1);
        var expected = keys.Where((_, i) => i is not (5 or 6)).Append(keys[6]).Reverse().ToList();

        var listed = await ListNewestAsync([Tenant, "other"], limit: 4);
        Assert.Equal(expected, listed.Select(static log => log.Key));
        Assert.Equal(expected.Where(static key => key.Tenant == Tenant),
            (await ListNewestAsync([Tenant], limit: 3)).Select(static log => log.Key));
        Assert.Empty(await ListNewestAsync(["nobody"], limit: 3));
        Assert.Equal(listed[2].Number, await Journal.FindNumberAsync(listed[2].Key, Token));
        Assert.Null(await Journal.FindNumberAsync(keys[5], Token));
        Assert.Null(await Journal.FindNumberAsync(listed[2].Key with { Tenant = "nobody" }, Token));
        Assert.Equal(Bytes(0, 20), listed[0].FirstTail.ToArray());
        Assert.All(listed.Skip(1), log => Assert.Equal(
            Bytes(0, 3_000)[^JournalBounds.FirstTailBytes..], log.FirstTail.ToArray()));
    }

    [Fact]
    public async Task ListNewest_OfLargeAppends_CoversThemInPages()
    {
        var keys = Enumerable.Range(0, 3).Select(_ => NewKey()).ToList();
        foreach (var key in keys)
        {
            await FillAsync(key, 1, bytes: 9 << 20);
        }

        keys.Reverse();
        var listed = await ListNewestAsync([Tenant], limit: 10);
        Assert.Equal(keys, listed.Select(static log => log.Key));
        Assert.All(listed, static log => Assert.Equal(JournalBounds.FirstTailBytes, log.FirstTail.Length));
    }

    [Fact]
    public async Task ListNewest_OfAppendsOfManySizes_GivesTheEndOfEach()
    {
        // About what is read at once of a blob, too.
        int[] sizes = [1, 1_023, 1_024, 1_025, 8_151, 8_152, 8_153, 70_000];
        foreach (var size in sizes)
        {
            await FillAsync(NewKey(), 2, bytes: size);
        }

        Assert.Equal(
            sizes.Reverse().Select(static size => Bytes(0, size)[^Math.Min(size, JournalBounds.FirstTailBytes)..]),
            (await ListNewestAsync([Tenant], limit: 10)).Select(static log => log.FirstTail.ToArray()));
    }

    [Fact]
    public async Task ListTenants_GivesThoseThatHaveConversations()
    {
        Assert.Empty(await Journal.ListTenantsAsync(10, Token));
        var keys = new[] { "b", "a", "c", "a" }.Select(tenant => NewKey() with { Tenant = tenant }).ToList();
        foreach (var key in keys)
        {
            await FillAsync(key, 1);
        }

        await Journal.DeleteAsync(keys[2], Token);

        Assert.Equal(["a", "b"], (await Journal.ListTenantsAsync(10, Token)).Order(StringComparer.Ordinal));
        Assert.Single(await Journal.ListTenantsAsync(1, Token));
    }

    [Fact]
    public async Task List_AfterAnIdTheTenantDoesNotHold_GivesNothing()
    {
        await Journal.AppendAsync(NewKey(), 0, 1, Bytes(1, 10), Token);
        var other = NewKey() with { Tenant = "other" };
        await Journal.AppendAsync(other, 0, 1, Bytes(1, 10), Token);

        Assert.Empty(await Journal.ListAsync(Tenant, other.Id, 10, Token));
        Assert.Empty(await Journal.ListAsync(Tenant, NewKey().Id, 10, Token));
    }

    private async Task<List<ListedConversation>> ListNewestAsync(IReadOnlyList<string> tenants, int limit)
    {
        var all = new List<ListedConversation>();
        JournalListing page;
        do
        {
            page = await Journal.ListNewestAsync(
                tenants, all.Count == 0 ? long.MaxValue : all[^1].Number, limit, Token);
            Assert.True(page.Found.Count <= limit);
            Assert.False(page.HasMore && page.Found.Count == 0);
            all.AddRange(page.Found);
        }
        while (page.Found.Count > 0);

        return all;
    }
}
