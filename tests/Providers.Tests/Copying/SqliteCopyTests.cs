using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Providers.Copying;
using Evergrain.Providers.Sqlite;

namespace Evergrain.Providers.Tests.Copying;

/// <summary>What a copy does with what it finds, from one directory into another.</summary>
public sealed class SqliteCopyTests : CopyFixture
{
    private string Target => PathOf("target");

    [Fact]
    public async Task Copy_IsTheSource_InItsOrder()
    {
        await FillAsync();

        var tally = await CopyAsync(await OpenTargetAsync(Target));

        Assert.Equal((Conversations, Conversations, Conversations),
            (tally.Conversations, tally.Copied, tally.Compared));
        Assert.Empty(tally.Damaged);
        Assert.Empty(tally.Unreadable);
        Assert.Equal(await ReadAsync(Source), await ReadAsync(Target));
    }

    [Fact]
    public async Task Copy_IntoATargetThatHadAnIndexOfHistories_IsIndexedAnew()
    {
        await FillAsync();
        var options = new SqliteJournalOptions { Directory = Target, KeepsHistories = true };
        await using (await SqliteJournal.OpenAsync(options, Token))
        {
        }

        await CopyAsync(await OpenTargetAsync(Target));

        await using var journal = await SqliteJournal.OpenAsync(options, Token);
        Assert.True(await ((IHistoryStore)journal).ClaimAsync("one", process: 7, Token) > 0);
    }

    [Fact]
    public async Task Copy_BrokenOffAgainAndAgain_WritesEachAppendOnce()
    {
        await FillAsync();
        var appends = 0L;
        foreach (var more in (int[])[0, 1, 40, 250, 300])
        {
            appends += await BreakAsync(await OpenTargetAsync(Target), more);

            // Nobody serves, reads or copies from the half of a copy.
            var refused = await Assert.ThrowsAsync<JournalUnavailableException>(() => OpenAsync(Target));
            Assert.Contains("is an unfinished copy: run evergrain copy again", refused.Message,
                StringComparison.Ordinal);
            Assert.Throws<JournalUnavailableException>(() => StoppedJournal.Open(Target).Dispose());
        }

        var tally = await CopyAsync(await OpenTargetAsync(Target));

        Assert.Equal(Appends() - appends, tally.Appends);
        Assert.Equal(await ReadAsync(Source), await ReadAsync(Target));
    }

    [Fact]
    public async Task Copy_OfASourceThatWentOnBetweenTwoTries_TakesWhatIsNew()
    {
        await FillAsync();
        await BreakAsync(await OpenTargetAsync(Target), 400);
        await using (var journal = await OpenAsync(Source))
        {
            await journal.AppendAsync(KeyOf(0), new JournalEnd(1, ulong.MaxValue), 5, Append(KeyOf(0), 1, 9), Token);
            await AppendAsync(journal, KeyOf(Conversations + 1), 2, 10);
            await journal.AddAsync("one", Report with { Process = 8 }, Token);
        }

        await CopyAsync(await OpenTargetAsync(Target));

        Assert.Equal(await ReadAsync(Source), await ReadAsync(Target));
    }

    [Fact]
    public async Task Copy_OntoAJournalWithConversations_IsRefused()
    {
        await FillAsync();
        await CopyAsync(await OpenTargetAsync(Target));
        var before = await ReadAsync(Target);

        var refused = await Assert.ThrowsAsync<JournalUnavailableException>(() => OpenTargetAsync(Target));

        Assert.Contains("holds conversations, and no unfinished copy", refused.Message, StringComparison.Ordinal);
        Assert.Equal(before, await ReadAsync(Target));
    }

    [Fact]
    public async Task Copy_OntoTheUnfinishedCopyOfAnother_IsRefused()
    {
        await FillAsync();
        await BreakAsync(await OpenTargetAsync(Target), 5);

        // Deleted at the source, and begun anew there: it must not come back, and is another one.
        await using (var journal = await OpenAsync(Source))
        {
            await journal.DeleteAsync(KeyOf(0), new JournalEnd(1, ulong.MaxValue), Token);
        }

        var other = await OpenTargetAsync(Target);
        var refused = await Assert.ThrowsAsync<CopyRefusedException>(() => CopyAsync(other));
        Assert.Contains("which the source does not have, or not any more", refused.Message, StringComparison.Ordinal);
        await using (var journal = await OpenAsync(Source))
        {
            await journal.AppendAsync(KeyOf(0), JournalEnd.None, 5, Append(KeyOf(0), 0, 9), Token);
        }

        other = await OpenTargetAsync(Target);
        refused = await Assert.ThrowsAsync<CopyRefusedException>(() => CopyAsync(other));
        Assert.Contains($"{KeyOf(0).Id} is not the source's", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Copy_OfDamagedConversations_LeavesThemOutAndNamesThem()
    {
        await FillAsync();

        // A changed byte far behind the begin, an append that is missing, none at all, and a turn that never began.
        Change("UPDATE appends SET records = zeroblob(length(records)) WHERE position = 650");
        Change($"DELETE FROM appends WHERE position = 1 AND conversation = {NumberOf(KeyOf(12))}");
        Change($"UPDATE conversations SET next = 0 WHERE number = {NumberOf(KeyOf(5))}");
        Change($"DELETE FROM appends WHERE conversation = {NumberOf(KeyOf(5))}");
        var records = RecordFrames.Write([new OutputHeld(9, 0, IsPartial: false, "{}"u8.ToArray())],
            new RecordOwner(KeyOf(7)));
        Change($"UPDATE appends SET records = x'{Convert.ToHexString(records.Span)}' WHERE position = 0 AND " +
            $"conversation = {NumberOf(KeyOf(7))}");
        ConversationKey[] damaged = [KeyOf(11), KeyOf(12), KeyOf(5), KeyOf(7)];
        var before = Convert.ToHexString(await File.ReadAllBytesAsync(Path.Combine(Source, "evergrain.db"), Token));

        var tally = await CopyAsync(await OpenTargetAsync(Target));

        Assert.Equal(damaged.ToHashSet(), tally.Damaged.Keys.ToHashSet());
        Assert.Contains("turn 9 did not start", tally.Damaged[KeyOf(7)], StringComparison.Ordinal);
        Assert.Equal(Conversations - damaged.Length, tally.Compared);
        Assert.Equal(before,
            Convert.ToHexString(await File.ReadAllBytesAsync(Path.Combine(Source, "evergrain.db"), Token)));
        await using var journal = await OpenAsync(Target);
        foreach (var key in damaged)
        {
            Assert.Empty(await journal.ReadAsync(key, JournalEnd.None, Token).ToListAsync(Token));
        }
    }

    [Fact]
    public async Task Copy_OfAConversationThatWasDamagedBetweenTwoTries_RemovesItsBeginning()
    {
        await FillAsync();
        await BreakAsync(await OpenTargetAsync(Target), 600);
        Change($"UPDATE appends SET records = zeroblob(length(records)) WHERE position = 3 AND " +
            $"conversation = {NumberOf(KeyOf(11))}");

        var tally = await CopyAsync(await OpenTargetAsync(Target));

        Assert.Equal(KeyOf(11), Assert.Single(tally.Damaged).Key);
        await using var journal = await OpenAsync(Target);
        Assert.Empty(await journal.ReadAsync(KeyOf(11), JournalEnd.None, Token).ToListAsync(Token));
    }

    [Fact]
    public async Task Copy_ToADiskThatIsFull_GoesOnWhenItHasRoom()
    {
        await FillAsync();
        var full = await OpenTargetAsync(Target, pagesMax: 400);
        var failure = await Assert.ThrowsAsync<JournalUnavailableException>(() => CopyAsync(full));
        Assert.Contains("is full", failure.Message, StringComparison.Ordinal);

        await CopyAsync(await OpenTargetAsync(Target));

        Assert.Equal(await ReadAsync(Source), await ReadAsync(Target));
    }

    [Fact]
    public async Task Source_OfAnOlderSchema_IsRefused()
    {
        await FillAsync();
        MakeOlder(Source);

        var refused = Assert.Throws<JournalUnavailableException>(() => SqliteCopySource.Open(Source));

        Assert.Contains("is of an older build", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Target_OfAnOlderSchema_IsRaised_AndOfANewerOne_IsRefused()
    {
        await FillAsync();
        await using (await OpenAsync(Target))
        {
            // It makes the tables.
        }

        MakeOlder(Target);
        await CopyAsync(await OpenTargetAsync(Target));
        Assert.Equal(await ReadAsync(Source), await ReadAsync(Target));

        Change("PRAGMA user_version = 3", Target);
        var refused = await Assert.ThrowsAsync<JournalUnavailableException>(() => OpenTargetAsync(Target));
        Assert.Contains("start the newer version", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Source_ThatAServerHolds_IsRefused()
    {
        await using var server = await OpenAsync(Source);

        var refused = Assert.Throws<JournalUnavailableException>(() => SqliteCopySource.Open(Source));

        Assert.Contains("is in use by another process", refused.Message, StringComparison.Ordinal);
    }

    private static long Appends() =>
        Enumerable.Range(0, Conversations).Sum(static number => number == 11 ? 700 : 1 + (number % 7));

    private void MakeOlder(string directory)
    {
        Change("DROP TABLE written", directory);
        Change("DROP TABLE tenant_totals", directory);
        Change("ALTER TABLE conversations DROP COLUMN next", directory);
        Change("PRAGMA user_version = 1", directory);
    }
}
