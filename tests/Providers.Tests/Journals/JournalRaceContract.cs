using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>What every journal promises when many use it at once.</summary>
public abstract class JournalRaceContract : JournalSizeContract
{
    [Fact]
    public async Task Append_ManyWritersRaceForOnePosition_ExactlyOneWins()
    {
        var key = NewKey();
        const int rounds = 50;
        const int writers = 16;
        var end = JournalEnd.None;
        for (var position = 0; position < rounds; position++)
        {
            var (at, from) = (position, end);
            var won = await Task.WhenAll(Enumerable.Range(1, writers)
                .Select(writer => Task.Run(() => TryAppendAsync(key, from, (ulong)writer), Token)));

            var winner = Assert.Single(Enumerable.Range(1, writers), writer => won[writer - 1]);
            Assert.Equal((ulong)winner, (await ReadAllAsync(key))[at].Writer);
            end = new JournalEnd(at + 1, (ulong)winner);
        }

        Assert.Equal(rounds, (await ReadAllAsync(key)).Count);
    }

    [Fact]
    public async Task Append_ManyConversationsAtOnce_EachKeepsItsOwnOrder()
    {
        var keys = Enumerable.Range(0, 100).Select(_ => NewKey()).ToList();
        await Task.WhenAll(keys.Select((key, i) => Task.Run(() => FillAsync(key, 20, bytes: i + 1), Token)));

        for (var i = 0; i < keys.Count; i++)
        {
            var entries = await ReadAllAsync(keys[i]);
            Assert.Equal(Enumerable.Range(0, 20).Select(n => (long)n), entries.Select(e => e.Position));
            Assert.All(entries, e => Assert.Equal(Bytes((int)e.Position, i + 1), e.Records.ToArray()));
        }

        Assert.Equal(keys.Count, (await ListAllAsync(limit: 7)).Distinct().Count());
    }

    [Fact]
    public async Task Append_Ended_IsSeenByTheNextReadOfAnyone()
    {
        var keys = Enumerable.Range(0, 10).Select(_ => NewKey()).ToList();
        await Task.WhenAll(keys.Select(key => Task.Run(() => AppendAndReadAsync(key, 50), Token)));
    }

    [Fact]
    public async Task Read_WhileAppending_GivesAPrefixWithoutGaps()
    {
        var key = NewKey();
        const int total = 1_500;
        await FillAsync(key, 10);
        var appending = Task.Run(() => AppendMoreAsync(key, 10, total), Token);

        var last = 0;
        while (!appending.IsCompleted)
        {
            var entries = await ReadAllAsync(key);
            Assert.Equal(Enumerable.Range(0, entries.Count).Select(i => (long)i), entries.Select(e => e.Position));
            Assert.True(entries.Count >= last);
            last = entries.Count;
        }

        await appending;
        Assert.Equal(total, (await ReadAllAsync(key)).Count);
    }

    [Fact]
    public async Task Read_WhileDeletedAndBegunAnew_NeverMixesTheTwo()
    {
        var key = NewKey();
        await FillAsync(key, 700, bytes: 2_000);
        await using var reading = Journal.ReadAsync(key, 0, Token).GetAsyncEnumerator(Token);
        Assert.True(await reading.MoveNextAsync());

        await Journal.DeleteAsync(key, Token);
        for (var i = 0; i < 700; i++)
        {
            await Journal.AppendAsync(key, i, writer: 2, Bytes(i, 10), Token);
        }

        var next = 1L;
        while (await reading.MoveNextAsync())
        {
            Assert.Equal((next++, 1UL), (reading.Current.Position, reading.Current.Writer));
        }

        var entries = await ReadAllAsync(key);
        Assert.Equal(700, entries.Count);
        Assert.All(entries, e => Assert.Equal(2UL, e.Writer));
    }

    [Fact]
    public async Task Delete_WhileOthersRead_ShowsABeginningOrNothing()
    {
        for (var round = 0; round < 5; round++)
        {
            var key = NewKey();
            await FillAsync(key, 200);
            var deleting = Task.Run(async () => await Journal.DeleteAsync(key, Token), Token);
            while (!deleting.IsCompleted)
            {
                // A read that takes more than one page may end early: a slow machine makes pages shorter.
                var entries = await ReadAllAsync(key);
                Assert.Equal(Enumerable.Range(0, entries.Count).Select(i => (long)i), entries.Select(e => e.Position));
            }

            await deleting;
            Assert.Empty(await ReadAllAsync(key));
        }
    }

    [Fact]
    public async Task Append_WhileOthersRead_IsSeenWholeOrNotAtAll()
    {
        var key = NewKey();
        var appending = Task.Run(async () =>
        {
            for (var i = 0; i < 10; i++)
            {
                await Journal.AppendAsync(key, i, 1, Bytes(i, 2 << 20), Token);
            }
        }, Token);
        while (!appending.IsCompleted)
        {
            foreach (var entry in await ReadAllAsync(key))
            {
                Assert.True(entry.Records.Span.SequenceEqual(Bytes((int)entry.Position, 2 << 20)));
            }
        }

        await appending;
        Assert.Equal(10, (await ReadAllAsync(key)).Count);
    }

    [Fact]
    public async Task Append_CancelledAtAnyMoment_IsStoredWholeOrNotAtAll()
    {
        var key = NewKey();
        var ended = new int[2];
        for (var i = 0; i < 100; i++)
        {
            var end = (await ReadAllAsync(key)).Count;
            using var cancel = CancellationTokenSource.CreateLinkedTokenSource(Token);
            var bytes = Bytes(end, 500);
            var append = Task.Run(() => Journal.AppendAsync(key, end, 1, bytes, cancel.Token).AsTask(), Token);
            await cancel.CancelAsync();
            try
            {
                await append;
                ended[0]++;
                Assert.Equal(end + 1, (await ReadAllAsync(key)).Count);
            }
            catch (OperationCanceledException)
            {
                ended[1]++;
            }
        }

        Assert.Equal(100, ended.Sum());
        Assert.All(await ReadAllAsync(key), e => Assert.Equal(Bytes((int)e.Position, 500), e.Records.ToArray()));
    }

    private async Task<bool> TryAppendAsync(ConversationKey key, JournalEnd end, ulong writer)
    {
        try
        {
            await Journal.AppendAsync(key, end, writer, Bytes((int)writer, 50), Token);
            return true;
        }
        catch (PositionTakenException)
        {
            return false;
        }
    }

    private async Task AppendMoreAsync(ConversationKey key, int from, int to)
    {
        for (var i = from; i < to; i++)
        {
            await Journal.AppendAsync(key, i, 1, Bytes(i, 300), Token);
        }
    }

    private async Task AppendAndReadAsync(ConversationKey key, int count)
    {
        for (var i = 0; i < count; i++)
        {
            await Journal.AppendAsync(key, i, 1, Bytes(i, 30), Token);
            Assert.Equal(Bytes(i, 30), Assert.Single(await ReadAllAsync(key, i)).Records.ToArray());
        }
    }
}
