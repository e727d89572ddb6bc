using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Providers.Postgres;
using Evergrain.Tests.Services;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>Appends that share a transaction, with each other and with another server on the same rows.</summary>
[Trait("Needs", "Postgres")]
[Collection(PostgresCollection.Name)]
public sealed class PostgresTransactionTests(PostgresServer server) : PostgresFixture(server)
{
    private static readonly JournalEnd AfterFirst = new(1, 1);

    // The trigger refuses what begins with this byte, with the error of a full disk.
    private const byte DoesNotFit = 0xff;

    [Fact]
    public async Task Appends_OfManyConversationsAtOnce_ShareTransactions()
    {
        var journal = await OpenAsync(writers: 1);
        await GatherAsync(journal, () =>
            Enumerable.Range(2, 500).Select(i => journal.AppendAsync(KeyOf(i), 0, 1, Bytes(1, 100), Token).AsTask()));

        var counters = journal.Counters;
        Assert.Equal((502, 502 * 100, 0), (counters.Appends, counters.AppendedBytes, counters.Refused));
        Assert.InRange(counters.Transactions, 2 + (500 / 128), 2 + (500 / 128) + 4);
        Assert.Equal(0, counters.FailedTransactions);
    }

    [Fact]
    public async Task Append_LargerThanATransaction_GoesAlone()
    {
        var journal = await OpenAsync(writers: 1);
        await GatherAsync(journal, () => Enumerable.Range(2, 3)
            .Select(i => journal.AppendAsync(KeyOf(i), 0, 1, Bytes(1, 100_000), Token).AsTask()));

        Assert.Equal(5, journal.Counters.Transactions);
    }

    [Fact]
    public async Task Append_RefusedInATransaction_LeavesTheOthersAlone()
    {
        var journal = await OpenAsync(writers: 1);
        var refused = new List<Task>();
        await GatherAsync(journal, () =>
        {
            refused.AddRange(Enumerable.Range(2, 50).Select(i => Assert.ThrowsAsync<PositionTakenException>(
                async () => await journal.AppendAsync(KeyOf(i), new JournalEnd(3, 1), 1, Bytes(1, 10), Token))));
            return Enumerable.Range(2, 50).Select(i =>
                journal.AppendAsync(KeyOf(i), 0, 1, Bytes(1, 10), Token).AsTask());
        });
        await Task.WhenAll(refused);

        Assert.Equal((52, 50, 0),
            (journal.Counters.Appends, journal.Counters.Refused, journal.Counters.FailedTransactions));
        Assert.Equal(51, (await journal.ListAsync("default", null, 100, Token)).Count);
    }

    [Fact]
    public async Task Append_ThatTheServerCannotStore_FailsAlone()
    {
        var journal = await OpenAsync(writers: 1);
        await ExecuteAsync($"""
            CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
              IF get_byte(NEW.records, 0) = {DoesNotFit} THEN
                RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100';
              END IF; RETURN NEW; END $$;
            CREATE TRIGGER full_disk BEFORE INSERT ON appends FOR EACH ROW EXECUTE FUNCTION full_disk()
            """);
        var failing = new List<Task<JournalUnavailableException>>();
        await GatherAsync(journal, () =>
        {
            failing.AddRange(Enumerable.Range(2, 3).Select(i => Assert.ThrowsAsync<JournalUnavailableException>(
                async () => await journal.AppendAsync(KeyOf(i), 0, 1, new byte[] { DoesNotFit }, Token))));
            return Enumerable.Range(10, 50).Select(i =>
                journal.AppendAsync(KeyOf(i), 0, 1, Bytes(1, 10), Token).AsTask());
        });

        Assert.All(await Task.WhenAll(failing), failure => Assert.Equal(
            $"The disk of PostgreSQL at 127.0.0.1:{Server.Port} is full: free space on it and try again.",
            failure.Message));
        Assert.Equal((52, 4), (journal.Counters.Appends, journal.Counters.FailedTransactions));

        // Nothing of it was stored, and the fence is where it was.
        await journal.AppendAsync(KeyOf(2), 0, 1, Bytes(1, 10), Token);
    }

    [Fact]
    public async Task Append_RowHeldByAnotherSession_FailsInBoundedTimeAndHoldsNoneUp()
    {
        var journal = await OpenAsync(lockMilliseconds: 1_000, writers: 1);
        await journal.AppendAsync(KeyOf(2), 0, 1, Bytes(1, 10), Token);
        var failing = new List<Task>();
        await using (await LockAsync(KeyOf(2)))
        {
            await GatherAsync(journal, () =>
            {
                failing.Add(Assert.ThrowsAsync<JournalUnavailableException>(
                    async () => await journal.AppendAsync(KeyOf(2), AfterFirst, 1, Bytes(1, 10), Token)));
                return Enumerable.Range(10, 50).Select(i =>
                    journal.AppendAsync(KeyOf(i), 0, 1, Bytes(1, 10), Token).AsTask());
            });
            await Task.WhenAll(failing);
        }

        await journal.AppendAsync(KeyOf(2), AfterFirst, 1, Bytes(1, 10), Token);
        Assert.Equal(54, journal.Counters.Appends);
    }

    [Fact]
    public async Task Append_OfAStaleServer_IsRefused()
    {
        var (stale, taker) = (await OpenAsync(), await OpenAsync());
        await stale.AppendAsync(Key, 0, 1, Bytes(1, 10), Token);
        await taker.AppendAsync(Key, AfterFirst, 2, Bytes(2, 10), Token);

        await Assert.ThrowsAsync<PositionTakenException>(
            async () => await stale.AppendAsync(Key, AfterFirst, 1, Bytes(3, 10), Token));
        await Assert.ThrowsAsync<PositionTakenException>(
            async () => await stale.DeleteAsync(Key, AfterFirst, Token));

        Assert.Equal([1UL, 2UL], (await ReadAsync(stale, Key)).Select(e => e.Writer));
    }

    [Fact]
    public async Task Delete_OfBothServersAtOnce_IsNoErrorForEither()
    {
        var (one, two) = (await OpenAsync(), await OpenAsync());
        for (var round = 0; round < 20; round++)
        {
            await one.AppendAsync(Key, 0, 1, Bytes(1, 10), Token);
            await Task.WhenAll(
                one.DeleteAsync(Key, AfterFirst, Token).AsTask(), two.DeleteAsync(Key, AfterFirst, Token).AsTask());
        }

        Assert.Equal(0L, await ExecuteAsync("SELECT count(*) FROM appends"));
    }

    [Fact]
    public async Task Servers_WritingTheSameConversationsInOppositeOrders_NeverWaitForEachOther()
    {
        var journals = new[] { await OpenAsync(), await OpenAsync() };
        var wins = new long[2];
        for (var round = 0; round < 20; round++)
        {
            var keys = Enumerable.Range(round * 200, 100).Select(KeyOf).ToList();
            var appends = keys.Select(key => WinsAsync(journals[0], key)).ToList();
            keys.Reverse();
            var others = keys.Select(key => WinsAsync(journals[1], key)).ToList();
            wins[0] += (await Task.WhenAll(appends)).Count(won => won);
            wins[1] += (await Task.WhenAll(others)).Count(won => won);
        }

        Assert.Equal(2_000, wins.Sum());
        Assert.All(journals, journal => Assert.Equal(0, journal.Counters.FailedTransactions));
        Assert.Equal(2_000L, await ExecuteAsync("SELECT count(*) FROM appends"));
    }

    [Fact]
    public async Task Dispose_WithAppendsUnderWay_FinishesThemFirst()
    {
        var journal = await OpenAsync();
        var appends = Enumerable.Range(1, 200)
            .Select(i => journal.AppendAsync(KeyOf(i), 0, 1, Bytes(1, 100), Token).AsTask()).ToList();

        await journal.DisposeAsync();
        await Task.WhenAll(appends);

        Assert.Equal(200, (await (await OpenAsync()).ListAsync("default", null, 1_000, Token)).Count);
    }

    [Theory]
    [InlineData("position = 50", 50)]
    [InlineData("position = 0", 0)]
    [InlineData("position >= 99", 99)]
    public async Task Read_AnAppendIsMissing_FailsInsteadOfLeavingItOut(string which, int missing)
    {
        var journal = await OpenAsync();
        for (var i = 0; i < 100; i++)
        {
            await journal.AppendAsync(Key, i, 1, Bytes(i, 10), Token);
        }

        await ExecuteAsync($"DELETE FROM appends WHERE {which}");

        var failure = await Assert.ThrowsAsync<JournalCorruptException>(() => ReadAsync(journal, Key));
        Assert.Contains($"append {missing} is missing", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Appends_OfUsualSize_LieUncompressedInTheTableItself()
    {
        var journal = await OpenAsync();
        await journal.AppendAsync(Key, 0, 1, new byte[7_000], Token);
        await journal.AppendAsync(Key, 1, 1, new byte[9_000], Token);

        // What lies in the table has a header of 4 bytes.
        Assert.Equal("7004 9000", await ExecuteAsync(
            "SELECT string_agg(pg_column_size(records)::text, ' ' ORDER BY position) FROM appends"));
        Assert.Equal(1L, await ExecuteAsync(
            "SELECT pg_relation_size('appends') / 8192"));
    }

    private async Task<bool> WinsAsync(PostgresJournal journal, ConversationKey key)
    {
        try
        {
            await journal.AppendAsync(key, 0, 1, Bytes(1, 10), Token);
            return true;
        }
        catch (PositionTakenException)
        {
            return false;
        }
    }

    /// <summary>Keeps the journal's one writer busy until all appends wait, so that they go together.</summary>
    private async Task GatherAsync(PostgresJournal journal, Func<IEnumerable<Task>> start)
    {
        await journal.AppendAsync(Key, 0, 1, Bytes(1, 100), Token);
        Task first;
        List<Task> rest;
        await using (await LockAsync(Key))
        {
            first = journal.AppendAsync(Key, AfterFirst, 1, Bytes(1, 100), Token).AsTask();
            await UntilWaitingAsync();
            rest = [.. start()];
        }

        await Task.WhenAll([first, .. rest]);
    }
}
