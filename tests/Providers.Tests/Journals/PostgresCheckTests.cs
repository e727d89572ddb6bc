using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Providers.Journals;
using Evergrain.Providers.Postgres;
using Evergrain.Suites.Hosts;
using Evergrain.Tests.Services;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>What the check of the whole journal finds in PostgreSQL, and what is said of damaged rows.</summary>
[Trait("Needs", "Postgres")]
[Collection(PostgresCollection.Name)]
public sealed class PostgresCheckTests(PostgresServer server) : PostgresFixture(server)
{
    private const int FoundDamaged = 451;
    private static readonly ConversationKey Alice = new("alice", new ConversationId(0xA1_0000_0000_0001));
    private static readonly ConversationKey Bob = new("bob", new ConversationId(0xB2_0000_0000_0002));
    private readonly ErrorLog _log = new();

    [Fact]
    public async Task Check_NothingIsDamaged_SaysNothing()
    {
        await FillAsync();

        await using var journal = await OpenCheckedAsync(Url);

        Assert.Empty(_log.Events);
        Assert.Equal(3, (await ReadAsync(journal, Bob)).Count);
    }

    [Fact]
    public async Task Check_NoIndexLeadsToAConversation_MakesItDamaged()
    {
        await FillAsync();
        var file = (string)(await ExecuteAsync(
            "SELECT current_setting('data_directory') || '/' || pg_relation_filepath('conversations_pkey')"))!;
        await ExecuteAsync("CHECKPOINT");
        await Server.KillAsync();
        var bytes = await File.ReadAllBytesAsync(file, Token);
        var at = bytes.AsSpan().IndexOf([.. "bob"u8, .. Bob.Id.ToGuid().ToByteArray(bigEndian: true)]);
        Assert.True(at > 0, "the index has the entry");
        bytes[at] ^= 1;
        await File.WriteAllBytesAsync(file, bytes, Token);
        await Server.StartAsync();

        await using var journal = await OpenCheckedAsync(UrlByIndex());

        Assert.Equal([FoundDamaged], _log.Events);
        await Assert.ThrowsAsync<JournalCorruptException>(() => ReadAsync(journal, Bob));
        Assert.Equal(3, (await ReadAsync(journal, Alice)).Count);
    }

    [Theory]
    [InlineData("DELETE FROM appends WHERE position = 1 AND conversation = {0}")]
    [InlineData("DELETE FROM appends WHERE position = 2 AND conversation = {0}")]
    [InlineData("DELETE FROM appends WHERE conversation = {0}")]
    [InlineData("UPDATE conversations SET next = 4 WHERE number = {0}")]
    [InlineData("UPDATE conversations SET next = 2 WHERE number = {0}")]
    [InlineData("UPDATE conversations SET writer = 99 WHERE number = {0}")]
    [InlineData("UPDATE appends SET writer = 99 WHERE position = 2 AND conversation = {0}")]
    public async Task Read_RowsDisagree_IsDamage(string damage)
    {
        await FillAsync();
        await ExecuteAsync(damage.Replace("{0}", "(SELECT number FROM conversations WHERE tenant = 'bob')"));

        await using var journal = await OpenCheckedAsync(Url);

        await Assert.ThrowsAsync<JournalCorruptException>(() => ReadAsync(journal, Bob));
        Assert.Equal(3, (await ReadAsync(journal, Alice)).Count);
        Assert.Equal([FoundDamaged], _log.Events);
    }

    // As it refuses a page whose checksum is wrong.
    [Fact]
    public async Task Read_PostgresRefusesAPage_IsDamage()
    {
        await FillAsync();
        await using var journal = await OpenAsync();
        await ExecuteAsync("""
            ALTER TABLE appends RENAME TO kept;
            CREATE FUNCTION refuse() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
              RAISE EXCEPTION 'invalid page in block 0' USING ERRCODE = 'data_corrupted'; END $$;
            CREATE VIEW appends AS SELECT * FROM kept WHERE refuse()
            """);

        var failure = await Assert.ThrowsAsync<JournalCorruptException>(() => ReadAsync(journal, Bob));

        Assert.Contains("invalid page in block 0", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Check_RecordsAreAnotherConversations_NamesThem()
    {
        await FillAsync();
        await ExecuteAsync("""
            UPDATE appends SET records = (SELECT a.records
              FROM appends a JOIN conversations c ON c.number = a.conversation
              WHERE c.tenant = 'alice' AND a.position = 1)
            WHERE position = 1 AND conversation = (SELECT number FROM conversations WHERE tenant = 'bob')
            """);

        await using var journal = await OpenCheckedAsync(Url);

        Assert.Equal([FoundDamaged], _log.Events);
    }

    private async Task FillAsync()
    {
        await using var journal = await PostgresJournal.OpenAsync(
            new PostgresJournalOptions { Url = Url, Schema = Schema }, Token);
        foreach (var key in (ConversationKey[])[Alice, Bob])
        {
            for (var i = 0; i < 3; i++)
            {
                var records = RecordFrames.Write([new InputHeld("\"text\""u8.ToArray())], new RecordOwner(key));
                await journal.AppendAsync(key, i, 7, records, Token);
            }
        }
    }

    private async Task<PostgresJournal> OpenCheckedAsync(string url)
    {
        var journal = await OpenAsync(new PostgresJournalOptions
        {
            Url = url,
            Schema = Schema,
            Logger = _log,
            Check = new JournalCheckSetup(_log, Instruments: null) { BytesPerSecond = long.MaxValue },
        });
        await journal.FirstCheck.WaitAsync(Token);
        return journal;
    }
}
