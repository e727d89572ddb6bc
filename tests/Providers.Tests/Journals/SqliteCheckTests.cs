using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Providers.Journals;
using Evergrain.Providers.Sqlite;
using Evergrain.Suites.Hosts;
using Microsoft.Data.Sqlite;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>What the check of the whole journal finds, and what callers learn then.</summary>
public sealed class SqliteCheckTests : SqliteDamageFixture
{
    private const int FoundDamaged = 451;

    private static readonly ConversationKey First = new("alice", IdOf(1));
    private static readonly ConversationKey Second = new("alice", IdOf(2));
    private static readonly ConversationKey Third = new("bob", IdOf(3));

    [Fact]
    public async Task Check_NothingIsDamaged_SaysNothing()
    {
        await FillAsync(5, First, Second, Third);

        await using var journal = await OpenCheckedAsync();

        Assert.Empty(Log.Events);
        Assert.Equal(5, (await ReadAsync(journal, Third)).Count);
    }

    [Fact]
    public async Task Check_NoIndexLeadsToAConversation_MakesItDamaged_AndNothingIsWritten()
    {
        await FillAsync(2, First, Second, Third);
        Change([.. "bob"u8, .. Id(Third), 3], [.. "bnb"u8, .. Id(Third), 3]);
        await using (var before = await OpenAsync())
        {
            // Nothing tells of it: so it was before there was a check.
            Assert.Empty(await ReadAsync(before, Third));
        }

        await using var journal = await OpenCheckedAsync();

        Assert.Equal([FoundDamaged], Log.Events);
        await Assert.ThrowsAsync<JournalCorruptException>(() => ReadAsync(journal, Third));
        await Assert.ThrowsAsync<PositionTakenException>(
            async () => await journal.AppendAsync(Third, 0, 1, Append(Third, 0), Token));
        Assert.Equal(2, (await ReadAsync(journal, First)).Count);
    }

    [Fact]
    public async Task Check_TenantsListMissesAConversation_IsNamed_AndItIsServed()
    {
        await FillAsync(1, First, Second, Third);

        // Of the index of tenants: length of a header, types of a text of 3 bytes and of a number, both values.
        Change([3, 19, 1, .. "bob"u8, 3], [3, 19, 1, .. "bnb"u8, 3]);

        await using var journal = await OpenCheckedAsync();

        Assert.Equal([FoundDamaged], Log.Events);
        Assert.Single(await ReadAsync(journal, Third));
    }

    [Fact]
    public async Task Check_TableOfAppendsCannotBeRead_NamesEachConversation_AndEnds()
    {
        await FillAsync(5, First, Second, Third);

        // The page's kind; the table is the fourth thing that the schema makes.
        var bytes = await File.ReadAllBytesAsync(Database, Token);
        bytes[4 * JournalDatabase.PageBytes] ^= 16;
        await File.WriteAllBytesAsync(Database, bytes, Token);

        await using var journal = await OpenCheckedAsync();

        Assert.Equal(Enumerable.Repeat(FoundDamaged, 3), Log.Events);
        await Assert.ThrowsAsync<JournalCorruptException>(() => ReadAsync(journal, First));
    }

    [Fact]
    public async Task Check_RecordChanged_IsNamed()
    {
        await FillAsync(3, First, Second, Third);
        var text = System.Text.Encoding.UTF8.GetBytes($"alice {Second.Id} 1 xx");
        Change(text, [.. text[..^1], (byte)'y']);

        await using var journal = await OpenCheckedAsync();

        Assert.Equal([FoundDamaged], Log.Events);
    }

    // The rows of a killed server tell of no appends: it writes that before a checkpoint.
    [Fact]
    public async Task Check_AfterAKill_WritesHeads_SoThatAnIndexCannotHideTheLastAppend()
    {
        var (database, log) = await KilledAsync();
        await ReplaceAsync(database, log);
        await using (await OpenCheckedAsync())
        {
            Assert.Empty(Log.Events);
        }

        Change([4, 1, 1, 1, 2, 4, 10], [4, 1, 1, 1, 66, 4, 10]);

        await using var journal = await OpenAsync();
        var failure = await Assert.ThrowsAsync<JournalCorruptException>(() => ReadAsync(journal, Second));
        Assert.Contains("append 4 is missing", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sweep_DeletedNumberIsALiveConversations_LeavesItsAppends()
    {
        await FillAsync(3, First, Second);
        await using (var connection = new SqliteConnection($"Data Source={Database};Pooling=False"))
        {
            await connection.OpenAsync(Token);
            await using var command = connection.CreateCommand();
            command.CommandText = "INSERT INTO dropped VALUES (2)";
            await command.ExecuteNonQueryAsync(Token);
        }

        await using (var sweeping = await OpenAsync())
        {
            // It sweeps behind each transaction.
            await sweeping.AppendAsync(First, 3, 1, Append(First, 3), Token);
        }

        await using var journal = await OpenCheckedAsync();
        Assert.Equal(3, (await ReadAsync(journal, Second)).Count);
        Assert.Empty(Log.Events);
    }

    [Fact]
    public async Task Pace_BytesOfASecond_AreFollowedByARest()
    {
        var time = new ManualTime();
        var pace = new CheckPace(time, bytesPerSecond: 1_000);

        Assert.True(pace.SpendAsync(999, Token).IsCompleted);
        var rest = pace.SpendAsync(2_001, Token).AsTask();
        time.Advance(TimeSpan.FromSeconds(2.9));
        Assert.False(rest.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(0.1));
        await rest.WaitAsync(Token);
        Assert.True(pace.SpendAsync(999, Token).IsCompleted);
    }

    [Fact]
    public void Pace_OfTheServer_ReadsTenGigabytesInADay()
    {
        var setup = new JournalCheckSetup(Log, Instruments: null);

        // The reading itself may take as long again.
        Assert.True(setup.BytesPerSecond * TimeSpan.SecondsPerDay / 2 >= 10_000_000_000);
    }

    [Fact]
    public void HiddenConversations_FoundAgain_AreForgotten()
    {
        var hidden = new HiddenConversations();
        hidden.Add(First);
        hidden.Add(Third);
        hidden.Keep([Third]);

        hidden.Check(First);
        Assert.Throws<JournalCorruptException>(() => hidden.Check(Third));
    }

    private async Task<(byte[] Database, byte[] Log)> KilledAsync()
    {
        await using var journal = await OpenAsync();
        foreach (var key in (ConversationKey[])[First, Second, Third])
        {
            for (var i = 0; i < 5; i++)
            {
                await journal.AppendAsync(key, i, 1, Append(key, i), Token);
            }
        }

        return (await File.ReadAllBytesAsync(Database, Token), await File.ReadAllBytesAsync(LogFile, Token));
    }
}
