using Evergrain.Conversations.Ports;
using Evergrain.Providers.Postgres;
using Evergrain.Tests.Services;

namespace Evergrain.Providers.Tests.Journals;

[Trait("Needs", "Postgres")]
[Collection(PostgresCollection.Name)]
public sealed class PostgresLifetimeTests(PostgresServer server) : LifetimeStoreContract
{
    private readonly string _schema = server.NewSchema();

    public override async Task InitializeAsync()
    {
        await server.StartAsync();
        await base.InitializeAsync();
    }

    [Fact]
    public async Task DeletedContent_HasNoRowAtOnce_AndNoBytesInTheTablesFilesAfterVacuumFull()
    {
        var secret = "a sentence that stands in no other table"u8.ToArray();
        var large = new byte[100_000];
        secret.CopyTo(large, 50_000);
        await AppendAsync(KeyOf(1), JournalEnd.None, writer: 1, secret);
        await AppendAsync(KeyOf(1), new JournalEnd(1, 1), writer: 1, large);
        await AppendAsync(KeyOf(2), JournalEnd.None, writer: 1, [1]);
        Assert.True(await IsInTablesAsync(secret));
        await Journal.DeleteAsync(KeyOf(1), new JournalEnd(2, 1), default);
        Assert.Equal(1L, await ExecuteAsync("SELECT count(*) FROM conversations"));
        Assert.Equal(1L, await ExecuteAsync("SELECT count(*) FROM appends"));
        await ExecuteAsync("VACUUM FULL");
        Assert.False(await IsInTablesAsync(secret));
        Assert.Single(await AgesAsync());
    }

    protected override async Task<IJournal> OpenAsync() => await PostgresJournal.OpenAsync(new PostgresJournalOptions
    {
        Url = server.Url(PostgresServer.Database, server.Port),
        Schema = _schema,
    }, default);

    /// <summary>Whether the files of the journal's tables hold it, as they are on the disk.</summary>
    private async Task<bool> IsInTablesAsync(byte[] secret)
    {
        await ExecuteAsync("CHECKPOINT");
        return (bool)(await ExecuteAsync($"""
            SELECT bool_or(position('\x{Convert.ToHexString(secret)}'::bytea IN pg_read_binary_file(
              pg_relation_filepath(f.oid))) > 0)
            FROM (
              SELECT c.oid FROM pg_class c
              WHERE c.relnamespace = '"{_schema}"'::regnamespace AND c.relkind IN ('r', 'i')
              UNION
              SELECT c.reltoastrelid FROM pg_class c
              WHERE c.relnamespace = '"{_schema}"'::regnamespace AND c.reltoastrelid > 0) f
            """))!;
    }

    private Task<object?> ExecuteAsync(string sql) => server.ExecuteAsync(PostgresServer.Database, sql, _schema);
}
