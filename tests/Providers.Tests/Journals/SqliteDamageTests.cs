using System.Buffers.Binary;
using System.Text;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Providers.Sqlite;
using Microsoft.Data.Sqlite;
using Xunit.Abstractions;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>A bit of the database is not what it was: nothing of another conversation is read or written.</summary>
public sealed class SqliteDamageTests(ITestOutputHelper output) : IDisposable
{
    private const int Flips = 300;
    private const int FlipsLong = 10_000;
    private const int Seed = 20261129;

    private static readonly ConversationKey First = new("alice", IdOf(1));
    private static readonly ConversationKey Second = new("alice", IdOf(2));
    private static readonly ConversationKey Third = new("bob", IdOf(3));
    private readonly TemporaryDirectory _directory = new();
    private readonly CancellationTokenSource _timeout = new(TimeSpan.FromHours(2));

    private CancellationToken Token => _timeout.Token;

    private string Database => _directory.File("evergrain.db");

    public void Dispose()
    {
        _timeout.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task Read_IndexLeadsToAnotherTenantsConversation_IsDamage_AndNothingIsWritten()
    {
        await FillAsync(1, First, Second, Third);

        // The index of conversations: tenant, id and number of an entry stand behind each other.
        Change([.. "bob"u8, .. Id(Third), 3], [.. "bob"u8, .. Id(Third), 2]);

        await using var journal = await OpenAsync();
        await Assert.ThrowsAsync<JournalCorruptException>(() => ReadAsync(journal, Third));
        await Assert.ThrowsAsync<PositionTakenException>(async () => await journal.AppendAsync(
            Third, new JournalEnd(1, 1), 1, Append(Third, 1), Token));
        await Assert.ThrowsAsync<PositionTakenException>(
            async () => await journal.DeleteAsync(Third, new JournalEnd(1, 1), Token));
        Assert.Single(await ReadAsync(journal, First));
        Assert.Single(await ReadAsync(journal, Second));
    }

    [Fact]
    public async Task Read_IndexHidesTheLastAppend_IsDamage_AndNothingIsWritten()
    {
        await FillAsync(5, First, Second, Third);

        // The index of appends: length of a header, three types, conversation, position and number of the append.
        Change([4, 1, 1, 1, 2, 4, 10], [4, 1, 1, 1, 66, 4, 10]);

        await using var journal = await OpenAsync();
        var failure = await Assert.ThrowsAsync<JournalCorruptException>(() => ReadAsync(journal, Second));
        Assert.Contains("append 4 is missing", failure.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<PositionTakenException>(async () => await journal.AppendAsync(
            Second, new JournalEnd(4, 1), 1, Append(Second, 4), Token));
        Assert.Equal(5, (await ReadAsync(journal, First)).Count);
    }

    [Fact]
    public async Task Read_IndexLeadsToAnotherConversationsAppend_IsDamage()
    {
        await FillAsync(5, First, Second, Third);
        Change([4, 1, 1, 1, 2, 3, 9], [4, 1, 1, 1, 2, 3, 13]);

        await using var journal = await OpenAsync();
        var failure = await Assert.ThrowsAsync<JournalCorruptException>(() => ReadAsync(journal, Second));
        Assert.Contains("another append than append 3", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Delete_IndexNamesAnotherConversationsAppend_LeavesThatThere()
    {
        await FillAsync(5, First, Second, Third);
        Change([4, 1, 1, 1, 2, 3, 9], [4, 1, 1, 1, 2, 3, 13]);

        await using (var journal = await OpenAsync())
        {
            await journal.DeleteAsync(Second, new JournalEnd(5, 1), Token);
        }

        await using var again = await OpenAsync();
        Assert.Empty(await ReadAsync(again, Second));
        Assert.Equal(5, (await ReadAsync(again, Third)).Count);
    }

    // A build that knows nothing of heads writes logs that are longer than their rows say.
    [Fact]
    public async Task Open_FileThatAnOlderBuildWentOnWith_IsRead()
    {
        await FillAsync(2, First);
        await using (var connection = new SqliteConnection($"Data Source={Database};Pooling=False"))
        {
            await connection.OpenAsync(Token);
            await using var command = connection.CreateCommand();
            command.CommandText = """
                INSERT INTO appends (conversation, position, writer, records) SELECT 1, 2, 1, records FROM appends
                  WHERE sequence = 2;
                INSERT INTO conversations (number, tenant, id) VALUES (2, 'bob', x'000000000000000000000000000000AA');
                INSERT INTO appends (conversation, position, writer, records) VALUES (2, 0, 1, x'00');
                """;
            await command.ExecuteNonQueryAsync(Token);
        }

        await using var journal = await OpenAsync();
        Assert.Equal(3, (await ReadAsync(journal, First)).Count);
        Assert.Single(await ReadAsync(journal, new ConversationKey("bob", new ConversationId(0xAA))));
    }

    [Fact]
    public async Task AnyBitFlipped_NothingOfAnotherConversationIsReadOrWritten()
    {
        var keys = Enumerable.Range(1, 12).Select(i => new ConversationKey(i % 2 == 0 ? "alice" : "bob", IdOf(i)))
            .ToArray();
        await FillAsync(8, keys);
        var whole = await File.ReadAllBytesAsync(Database, Token);
        var isLong = Environment.GetEnvironmentVariable("EVERGRAIN_LONG") is { Length: > 0 };
        var tally = new SortedDictionary<string, int>(StringComparer.Ordinal);
        var chance = new Random(Seed);
        output.WriteLine($"seed {Seed}");
        for (var flip = 0; flip < (isLong ? FlipsLong : Flips); flip++)
        {
            var (at, bit) = (chance.Next(whole.Length), chance.Next(8));
            var flipped = whole.ToArray();
            flipped[at] ^= (byte)(1 << bit);
            foreach (var outcome in await TryAsync(flipped, keys, $"byte {at}, bit {bit}"))
            {
                tally[outcome] = tally.GetValueOrDefault(outcome) + 1;
            }
        }

        output.WriteLine(string.Join(", ", tally.Select(static pair => $"{pair.Key}: {pair.Value}")));
        Assert.True(tally["whole"] > 0 && tally["damaged"] > 0);
    }

    private static ConversationId IdOf(int number) => new(((UInt128)number << 100) + (UInt128)number);

    private static byte[] Id(ConversationKey key)
    {
        var id = new byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(id, key.Id.Value);
        return id;
    }

    private static ReadOnlyMemory<byte> Append(ConversationKey key, long position) => RecordFrames.Write(
        [new InputHeld(Encoding.UTF8.GetBytes($"\"{key.Tenant} {key.Id} {position} {new string('x', 300)}\""))],
        new RecordOwner(key));

    private Task<SqliteJournal> OpenAsync() =>
        SqliteJournal.OpenAsync(new SqliteJournalOptions { Directory = _directory.Path }, Token);

    private async Task FillAsync(int appends, params ConversationKey[] keys)
    {
        await using var journal = await OpenAsync();
        foreach (var key in keys)
        {
            for (var i = 0; i < appends; i++)
            {
                await journal.AppendAsync(key, i, 1, Append(key, i), Token);
            }
        }
    }

    private void Change(byte[] from, byte[] to)
    {
        var bytes = File.ReadAllBytes(Database);
        var at = bytes.AsSpan().IndexOf(from);
        Assert.True(at >= 0 && bytes.AsSpan(at + 1).IndexOf(from) < 0, "the entry is there once");
        to.CopyTo(bytes, at);
        File.WriteAllBytes(Database, bytes);
    }

    private async Task<List<JournalEntry>> ReadAsync(SqliteJournal journal, ConversationKey key)
    {
        var entries = new List<JournalEntry>();
        await foreach (var entry in journal.ReadAsync(key, JournalEnd.None, Token))
        {
            entries.Add(entry);
        }

        return entries;
    }

    /// <summary>Reads every conversation of a flipped file, goes on with each, and reads it again.</summary>
    private async Task<List<string>> TryAsync(byte[] flipped, ConversationKey[] keys, string flip)
    {
        foreach (var file in Directory.GetFiles(_directory.Path, "evergrain.db*"))
        {
            File.Delete(file);
        }

        await File.WriteAllBytesAsync(Database, flipped, Token);
        var outcomes = new List<string>();
        try
        {
            await using var journal = await OpenAsync();
            foreach (var key in keys)
            {
                var outcome = await ReadOutcomeAsync(journal, key, 8, flip);
                if (outcome == "whole")
                {
                    await GoOnAsync(journal, key);
                }

                outcomes.Add(outcome);
            }
        }
        catch (JournalUnavailableException)
        {
            return ["not opened"];
        }

        return outcomes;
    }

    private async Task GoOnAsync(SqliteJournal journal, ConversationKey key)
    {
        try
        {
            await journal.AppendAsync(key, new JournalEnd(8, 1), 1, Append(key, 8), Token);
        }
        catch (Exception e) when (e is JournalUnavailableException or PositionTakenException)
        {
            // Refused: nothing was written.
            return;
        }

        _ = await ReadOutcomeAsync(journal, key, 9, "after an append");
    }

    private async Task<string> ReadOutcomeAsync(SqliteJournal journal, ConversationKey key, int count, string flip)
    {
        try
        {
            var entries = await ReadAsync(journal, key);
            var texts = entries.SelectMany(entry => RecordFrames.Read(entry.Records, new RecordOwner(key)))
                .Select(record => ((InputHeld)record).Json.ToArray()).ToList();
            if (texts.Count == 0)
            {
                // The index does not lead to the conversation any more.
                return "not found";
            }

            Assert.True(texts.Count == count, $"{flip}: {texts.Count} of {count} appends of {key.Id}");
            for (var i = 0; i < count; i++)
            {
                Assert.True(Append(key, i).Span.IndexOf(texts[i]) >= 0, $"{flip}: another append of {key.Id}");
            }

            return "whole";
        }
        catch (JournalCorruptException)
        {
            return "damaged";
        }
        catch (JournalUnavailableException)
        {
            return "unavailable";
        }
    }
}
