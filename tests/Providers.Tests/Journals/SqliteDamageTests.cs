using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Microsoft.Data.Sqlite;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>A bit of the database is not what it was: nothing of another conversation is read or written.</summary>
public sealed class SqliteDamageTests : SqliteDamageFixture
{
    private static readonly ConversationKey First = new("alice", IdOf(1));
    private static readonly ConversationKey Second = new("alice", IdOf(2));
    private static readonly ConversationKey Third = new("bob", IdOf(3));

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
}
