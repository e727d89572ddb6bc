using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Providers.Journals;
using Evergrain.Providers.Sqlite;
using Xunit.Abstractions;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>
/// One bit of the journal's files is not what it was. Nothing wrong is served or written to another conversation, and
/// each loss is named: when the server starts, when the conversation is opened, or by the check.
/// </summary>
public sealed class SqliteFlipTests(ITestOutputHelper output) : SqliteDamageFixture
{
    private const int Flips = 200;
    private const int FlipsLong = 10_000;
    private const int Seed = 20261129;
    private const int PageBytes = 2_048;
    private const int Before = 8, Appends = 10;

    // The short run ends here, whatever the machine; the long one does not.
    private static readonly TimeSpan TimeMax = TimeSpan.FromSeconds(20);

    // Milliseconds on a quiet machine.
    private static readonly TimeSpan CheckTimeMax = TimeSpan.FromSeconds(30);

    private static readonly ConversationKey[] Keys =
        [.. Enumerable.Range(1, 12).Select(i => new ConversationKey(i % 2 == 0 ? "alice" : "bob", IdOf(i)))];

    private readonly SortedDictionary<string, int> _tally = new(StringComparer.Ordinal);

    [Fact]
    public async Task AnyBitFlipped_NothingWrongIsServedOrWritten_AndEachLossIsNamed()
    {
        var images = (Closed: await ClosedAsync(), Killed: await KilledAsync());
        var isLong = Environment.GetEnvironmentVariable("EVERGRAIN_LONG") is { Length: > 0 };
        var chance = new Random(Seed);
        var begun = TimeProvider.System.GetTimestamp();
        output.WriteLine($"seed {Seed}");
        var flip = 0;
        while (flip < (isLong ? FlipsLong : Flips) &&
            (isLong || TimeProvider.System.GetElapsedTime(begun) < TimeMax))
        {
            var image = flip++ % 2 == 0 ? images.Closed : images.Killed;
            await TryAsync(image, new Flip(chance.Next(image.Bytes), chance.Next(8)));
        }

        var tally = string.Join(", ", _tally.Select(static pair => $"{pair.Key} {pair.Value}"));
        output.WriteLine($"{flip} flips: {tally}");
        Assert.Contains(_tally.Keys, static key => key.EndsWith("whole", StringComparison.Ordinal));
        Assert.Contains(_tally.Keys, static key => key.EndsWith("damaged", StringComparison.Ordinal));
    }

    private async Task<Image> ClosedAsync()
    {
        await FillAsync(Before, Keys);
        await using (var journal = await OpenAsync())
        {
            await GoOnAsync(journal);
        }

        return new Image(await File.ReadAllBytesAsync(Database, Token), null, 0);
    }

    private async Task<Image> KilledAsync()
    {
        await ReplaceAsync([], log: null);
        File.Delete(Database);
        await FillAsync(Before, Keys);
        await using var journal = await OpenAsync();
        var last = await GoOnAsync(journal);
        var database = await File.ReadAllBytesAsync(Database, Token);
        return new Image(database, await File.ReadAllBytesAsync(LogFile, Token), last);
    }

    /// <summary>Stores the last appends, each in a transaction; gives where the last one begins in the log.</summary>
    private async Task<int> GoOnAsync(SqliteJournal journal)
    {
        var last = 0;
        for (var i = Before; i < Appends; i++)
        {
            foreach (var key in Keys)
            {
                last = File.Exists(LogFile) ? (int)new FileInfo(LogFile).Length : 0;
                await journal.AppendAsync(key, new JournalEnd(i, 1), 1, Append(key, i), Token);
            }
        }

        return last;
    }

    /// <summary>Opens a flipped image, goes on with every conversation, and looks what the check says.</summary>
    private async Task TryAsync(Image image, Flip flip)
    {
        var kind = image.KindOf(flip);
        var (database, log) = image.With(flip);
        await ReplaceAsync(database, log);
        SqliteJournal journal;
        try
        {
            journal = await SqliteJournal.OpenAsync(new SqliteJournalOptions
            {
                Directory = Folder,
                Check = new JournalCheckSetup(Log, Instruments: null) { BytesPerSecond = long.MaxValue },
            }, Token);
        }
        catch (JournalUnavailableException)
        {
            Count(kind, "refused");
            return;
        }

        await using (journal)
        {
            await TryAsync(journal, image, flip);
        }
    }

    private async Task TryAsync(SqliteJournal journal, Image image, Flip flip)
    {
        var ends = new Dictionary<ConversationKey, int>();
        foreach (var key in Keys)
        {
            // The last commit of the log may be lost, as after a power cut.
            var isLast = key == Keys[^1] && image.IsInLastCommit(flip);
            ends[key] = await ReadAsync(journal, key, isLast ? Appends - 1 : Appends, Appends, flip);
        }

        await EndsAsync(journal.FirstCheck, flip);
        await WriteAsync(journal, ends, flip);
        foreach (var (key, end) in ends)
        {
            // SQLite may have written a damaged page of an index anew: then all of it is there again.
            var expected = end < 0 ? Appends : end;
            var now = await ReadAsync(journal, key, expected, expected, flip);
            Assert.True(now != 0, $"{flip}: {key.Id} is gone, and nothing names it");
            Count(image.KindOf(flip), now > 0 && end > 0 ? "whole" : "damaged");
        }
    }

    private static async Task EndsAsync(Task check, Flip flip)
    {
        try
        {
            await check.WaitAsync(CheckTimeMax);
        }
        catch (TimeoutException)
        {
            Assert.Fail($"{flip}: the check does not end");
        }
    }

    /// <summary>Appends to whatever is whole, and deletes one.</summary>
    private async Task WriteAsync(SqliteJournal journal, Dictionary<ConversationKey, int> ends, Flip flip)
    {
        foreach (var key in Keys.Where(key => ends[key] > 0))
        {
            var end = new JournalEnd(ends[key], 1);
            if (await IsDoneAsync(journal.AppendAsync(key, end, 1, Append(key, end.Position), Token)))
            {
                ends[key]++;
            }
        }

        var deleted = Keys[flip.Byte % Keys.Length];
        if (ends[deleted] > 0 &&
            await IsDoneAsync(journal.DeleteAsync(deleted, new JournalEnd(ends[deleted], 1), Token)))
        {
            ends.Remove(deleted);
        }
    }

    private async Task<bool> IsDoneAsync(ValueTask write)
    {
        try
        {
            await write;
            return true;
        }
        catch (Exception e) when (e is PositionTakenException or JournalUnavailableException)
        {
            Count("write refused:", e.GetType().Name);
            return false;
        }
    }

    /// <summary>How many appends there are, all right; 0: it is not there; -1: it is damaged.</summary>
    private async Task<int> ReadAsync(SqliteJournal journal, ConversationKey key, int least, int most, Flip flip)
    {
        try
        {
            var entries = await ReadAsync(journal, key);
            var texts = entries.SelectMany(entry => RecordFrames.Read(entry.Records, new RecordOwner(key)))
                .Select(static record => ((InputHeld)record).Json.ToArray()).ToList();
            Assert.True(texts.Count == 0 || (texts.Count >= least && texts.Count <= most),
                $"{flip}: {texts.Count} of {most} appends of {key.Id}");
            for (var i = 0; i < texts.Count; i++)
            {
                Assert.True(Append(key, i).Span.IndexOf(texts[i]) >= 0, $"{flip}: another append of {key.Id}");
            }

            return texts.Count;
        }
        catch (JournalCorruptException)
        {
            return -1;
        }
    }

    private void Count(string kind, string outcome)
    {
        var name = $"{kind} {outcome}".Trim();
        _tally[name] = _tally.GetValueOrDefault(name) + 1;
    }

    /// <summary>Which bit is flipped, counted over the database and the log behind it.</summary>
    private readonly record struct Flip(int Byte, int Bit);

    /// <summary>The files of a journal.</summary>
    private sealed record Image(byte[] Database, byte[]? Log, int LastCommit)
    {
        public int Bytes => Database.Length + (Log?.Length ?? 0);

        public bool IsInLastCommit(Flip flip) => Log is not null && flip.Byte >= Database.Length + LastCommit;

        public (byte[] Database, byte[]? Log) With(Flip flip)
        {
            var (database, log) = (Database.ToArray(), Log?.ToArray());
            var (bytes, at) = flip.Byte < database.Length
                ? (database, flip.Byte)
                : (log!, flip.Byte - database.Length);
            bytes[at] ^= (byte)(1 << flip.Bit);
            return (database, log);
        }

        // The first byte of a page tells what it is; the first page has the header of the file before that.
        public string KindOf(Flip flip) => flip.Byte >= Database.Length ? "log"
            : flip.Byte < PageBytes ? "schema"
            : Database[flip.Byte / PageBytes * PageBytes] switch
            {
                2 or 10 => "index",
                5 or 13 => "table",
                _ => "other",
            };
    }
}
