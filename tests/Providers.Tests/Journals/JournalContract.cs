using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>What every journal promises. A provider inherits it and says how its journal is opened.</summary>
public abstract class JournalContract : IAsyncLifetime
{
    /// <summary>Far beyond any honest run: a test that reaches it hangs.</summary>
    protected static readonly TimeSpan Timeout = TimeSpan.FromMinutes(2);

    private const string Tenant = "default";
    private readonly CancellationTokenSource _timeout = new(Timeout);
    private ulong _nextId;

    protected IJournal Journal { get; private set; } = null!;

    protected CancellationToken Token => _timeout.Token;

    public virtual async Task InitializeAsync() => Journal = await OpenAsync();

    public virtual async Task DisposeAsync()
    {
        await Journal.DisposeAsync();
        _timeout.Dispose();
    }

    [Fact]
    public async Task Append_ThenRead_GivesTheSameBytesWriterAndPosition()
    {
        var key = NewKey();
        await Journal.AppendAsync(key, 0, ulong.MaxValue, Bytes(1, 5), Token);
        await Journal.AppendAsync(key, new JournalEnd(1, ulong.MaxValue), 7, Bytes(2, 2_000), Token);

        var entries = await ReadAllAsync(key);

        Assert.Equal([(0, ulong.MaxValue), (1, 7)], entries.Select(e => (e.Position, e.Writer)));
        Assert.Equal(Bytes(1, 5), entries[0].Records.ToArray());
        Assert.Equal(Bytes(2, 2_000), entries[1].Records.ToArray());
    }

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

    [Fact]
    public async Task Read_UnknownConversation_GivesNothing() => Assert.Empty(await ReadAllAsync(NewKey()));

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(JournalBounds.PositionMax)]
    public async Task Append_AtAnotherPositionThanTheEnd_IsRefusedAndStoresNothing(long position)
    {
        var key = NewKey();
        await FillAsync(key, 3);

        var refused = await AssertRefusedAsync(key, position);

        Assert.Equal((key, position), (refused.Key, refused.End.Position));
        Assert.Equal(3, (await ReadAllAsync(key)).Count);
        await Journal.AppendAsync(key, 3, 1, Bytes(3, 10), Token);
    }

    [Fact]
    public async Task Append_BehindAnotherWriterThanTheLast_IsRefusedAndStoresNothing()
    {
        var key = NewKey();
        await FillAsync(key, 3);

        await Assert.ThrowsAsync<PositionTakenException>(
            async () => await Journal.AppendAsync(key, new JournalEnd(3, 2), 2, Bytes(1, 10), Token));

        Assert.Equal(3, (await ReadAllAsync(key)).Count);
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
    public async Task Append_ToUnknownConversationBeyondZero_IsRefusedAndStoresNothing()
    {
        var key = NewKey();

        await AssertRefusedAsync(key, 1);

        Assert.Empty(await ReadAllAsync(key));
        Assert.Empty(await Journal.ListAsync(Tenant, after: null, 10, Token));
    }

    [Theory]
    [InlineData(-1, 1)]
    [InlineData(JournalBounds.PositionMax + 1, 1)]
    [InlineData(0, 0)]
    [InlineData(0, JournalBounds.AppendBytesMax + 1)]
    public async Task Append_OutOfBounds_IsRefusedAsMistakenArgument(long position, int bytes)
    {
        var key = NewKey();

        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(
            async () => await Journal.AppendAsync(key, position, 1, new byte[bytes], Token));

        Assert.Empty(await ReadAllAsync(key));
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
    public async Task List_AfterAnIdTheTenantDoesNotHold_GivesNothing()
    {
        await Journal.AppendAsync(NewKey(), 0, 1, Bytes(1, 10), Token);
        var other = NewKey() with { Tenant = "other" };
        await Journal.AppendAsync(other, 0, 1, Bytes(1, 10), Token);

        Assert.Empty(await Journal.ListAsync(Tenant, other.Id, 10, Token));
        Assert.Empty(await Journal.ListAsync(Tenant, NewKey().Id, 10, Token));
    }

    [Theory]
    [InlineData(16 << 20)]
    [InlineData(JournalBounds.AppendBytesMax)]
    public async Task Append_Large_ComesBackWhole(int size)
    {
        var key = NewKey();
        var bytes = Bytes(4, size);
        await Journal.AppendAsync(key, 0, 1, bytes, Token);
        await Journal.AppendAsync(key, 1, 1, Bytes(5, 10), Token);

        var entries = await ReadAllAsync(key);

        Assert.True(entries[0].Records.Span.SequenceEqual(bytes));
        Assert.Equal(Bytes(5, 10), entries[1].Records.ToArray());
    }

    [Fact]
    public async Task Append_BufferWrittenOverAfterwards_KeepsWhatWasGiven()
    {
        var key = NewKey();
        var buffer = new byte[100];
        for (var i = 0; i < 20; i++)
        {
            buffer.AsSpan().Fill((byte)i);
            await Journal.AppendAsync(key, i, 1, buffer, Token);
            buffer.AsSpan().Fill(0xee);
        }

        Assert.All(await ReadAllAsync(key),
            entry => Assert.All(entry.Records.ToArray(), b => Assert.Equal(entry.Position, b)));
    }

    [Fact]
    public async Task Append_WithCancelledToken_IsCancelled()
    {
        var key = NewKey();
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            async () => await Journal.AppendAsync(key, 0, 1, Bytes(1, 1), cancelled.Token));

        // The outcome is unknown by contract; whatever it is, the journal goes on at its end.
        await Journal.AppendAsync(key, (await ReadAllAsync(key)).Count, 1, Bytes(1, 1), Token);
    }

    [Fact]
    public async Task Dispose_ThenUse_IsRefused()
    {
        var key = NewKey();
        await FillAsync(key, 1);
        await Journal.DisposeAsync();

        await Assert.ThrowsAsync<ObjectDisposedException>(
            async () => await Journal.AppendAsync(key, 1, 1, Bytes(1, 1), Token));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => ReadAllAsync(key));
        await Assert.ThrowsAsync<ObjectDisposedException>(
            async () => await Journal.ListAsync(Tenant, after: null, 1, Token));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await Journal.DeleteAsync(key, Token));
        await Journal.DisposeAsync();
    }

    protected static byte[] Bytes(int seed, int length)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    protected abstract Task<IJournal> OpenAsync();

    /// <summary>Puts a journal that was reopened in place of the one that was closed.</summary>
    protected void Use(IJournal journal) => Journal = journal;

    protected ConversationKey NewKey() =>
        new(Tenant, new ConversationId(new SeededIdSource(Interlocked.Increment(ref _nextId)).Next128()));

    protected async Task FillAsync(ConversationKey key, int count, int bytes = 20)
    {
        for (var i = 0; i < count; i++)
        {
            await Journal.AppendAsync(key, i, 1, Bytes(i, bytes), Token);
        }
    }

    protected Task<List<JournalEntry>> ReadAllAsync(ConversationKey key, long from = 0) =>
        ReadAllAsync(key, from == 0 ? JournalEnd.None : new JournalEnd(from, 1));

    protected async Task<List<JournalEntry>> ReadAllAsync(ConversationKey key, JournalEnd from)
    {
        var entries = new List<JournalEntry>();
        await foreach (var entry in Journal.ReadAsync(key, from, Token))
        {
            entries.Add(entry);
        }

        return entries;
    }

    protected async Task<List<ConversationId>> ListAllAsync(int limit)
    {
        var all = new List<ConversationId>();
        IReadOnlyList<ConversationId> page;
        do
        {
            page = await Journal.ListAsync(Tenant, all.Count == 0 ? null : all[^1], limit, Token);
            Assert.True(page.Count <= limit);
            all.AddRange(page);
        }
        while (page.Count > 0);

        return all;
    }

    protected Task<PositionTakenException> AssertRefusedAsync(ConversationKey key, long position) =>
        Assert.ThrowsAsync<PositionTakenException>(
            async () => await Journal.AppendAsync(key, position, 1, Bytes(1, 10), Token));
}
