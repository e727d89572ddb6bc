using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>
/// What every journal promises of an append. A provider inherits this and what builds on it, and says how its journal
/// is opened.
/// </summary>
public abstract class JournalContract : IAsyncLifetime
{
    /// <summary>Far beyond any honest run: a test that reaches it hangs.</summary>
    protected static readonly TimeSpan Timeout = TimeSpan.FromMinutes(10);

    protected const string Tenant = "default";
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

    protected Task<List<JournalEntry>> ReadAllAsync(ConversationKey key, JournalEnd from) =>
        ReadAllAsync(Journal, key, from);

    protected async Task<List<JournalEntry>> ReadAllAsync(IJournal journal, ConversationKey key, JournalEnd from)
    {
        var entries = new List<JournalEntry>();
        await foreach (var entry in journal.ReadAsync(key, from, Token))
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
