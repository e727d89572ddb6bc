using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Conversations.Turns;
using Evergrain.Providers.Journals;
using Evergrain.Providers.Postgres;
using Evergrain.Tests.Services;
using Npgsql;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>Which format processes agree on, and what becomes of a schema and a process of an older build.</summary>
[Trait("Needs", "Postgres")]
[Collection(PostgresCollection.Name)]
public sealed class PostgresFormatTests(PostgresServer server) : PostgresFixture(server)
{
    private const int Unknown = RecordFormat.Newest + 1;

    // What the builds before schema version 2 made, and how they append.
    private const string TablesBefore = """
        CREATE TABLE schema_version (version int NOT NULL);
        INSERT INTO schema_version VALUES (1);
        CREATE TABLE conversations (
          number bigint GENERATED ALWAYS AS IDENTITY, id uuid NOT NULL, tenant text COLLATE "C" NOT NULL,
          next bigint NOT NULL, writer bigint NOT NULL,
          PRIMARY KEY (tenant, id), UNIQUE (tenant, number)) WITH (fillfactor = 50);
        CREATE TABLE appends (
          conversation bigint NOT NULL, position bigint NOT NULL, writer bigint NOT NULL, records bytea NOT NULL,
          PRIMARY KEY (conversation, position)) WITH (toast_tuple_target = 8160);
        ALTER TABLE appends ALTER COLUMN records SET STORAGE EXTERNAL
        """;

    private const string BeginBefore = """
        WITH head AS (
          INSERT INTO conversations (tenant, id, next, writer) VALUES ($1, $2, 1, $3)
          ON CONFLICT DO NOTHING RETURNING number)
        INSERT INTO appends (conversation, position, writer, records) SELECT number, 0, $3, $4 FROM head
        """;

    private const string AppendBefore = """
        WITH head AS (
          UPDATE conversations SET next = next + 1, writer = $3
          WHERE tenant = $1 AND id = $2 AND next = $5 AND writer = $6 RETURNING number)
        INSERT INTO appends (conversation, position, writer, records) SELECT number, $5, $3, $4 FROM head
        """;

    [Fact]
    public async Task Schema_OfTheBuildBefore_Opens_AndThatBuildsAppendsFailByName()
    {
        await ExecuteAsync($"CREATE SCHEMA {Schema}");
        await ExecuteAsync(TablesBefore);
        await using var before = await Server.ConnectAsync(PostgresServer.Database, Schema);
        await using var append = Command(before, AppendBefore, 1L, 5L);
        await using (var begin = Command(before, BeginBefore))
        {
            Assert.Equal(1, await begin.ExecuteNonQueryAsync(Token));
            await append.PrepareAsync(Token);
        }

        var journal = await OpenAsync();
        var failure = await Assert.ThrowsAsync<PostgresException>(() => append.ExecuteNonQueryAsync(Token));

        Assert.Equal("the journal has schema version 2, which this process is too old for: stop the process",
            failure.MessageText);
        Assert.Equal([(0L, 5UL)], (await ReadAsync(journal, Key)).Select(entry => (entry.Position, entry.Writer)));
        await journal.AppendAsync(Key, new JournalEnd(1, 5), 6, Bytes(1, 10), Token);
        Assert.Equal(2, (await ReadAsync(journal, Key)).Count);
        Assert.Equal(RecordFormat.Newest, (await OpenAsync()).Format);
        await journal.AddAsync("one", new TenantReport(1, 1, new TurnCounts(1, 0, 0, 0, 0, 0, 0, 0)), Token);
        Assert.Equal(1, (await journal.GetAsync("one", Token)).Completed);
    }

    // The build before reads up to format 2, and holds back as one that is told to.
    [Theory]
    [InlineData(1, 2)]
    [InlineData(2, 3)]
    [InlineData(3, 4)]
    public async Task Format_WhileOneIsHeldBack_StaysTheOlder_AndRisesForAllOnceThatOneIsGone(int older, int newer)
    {
        var before = await JoinAsync(older);
        var held = await OpenAsync(Options(older));
        await using var own = await JoinAsync(newer);
        var journal = await OpenAsync(Options(newer));
        Assert.Equal((older, older), (held.Format, journal.Format));

        await before.DisposeAsync();
        await UntilAsync(() => journal.Format == newer);

        // What is written is not taken back; who is held back writes the older one all the same.
        await using var late = await JoinAsync(older);
        var formats = ((await OpenAsync(Options(older))).Format, (await OpenAsync(Options(newer))).Format);
        Assert.Equal((older, newer), formats);
        Assert.Equal(older, held.Format);
    }

    [Fact]
    public async Task Format_ManyJoinAtOnce_NeverPassesOneThatDoesNotAgree()
    {
        await OpenAsync(Options(1));
        for (var round = 0; round < 5; round++)
        {
            await ExecuteAsync("UPDATE schema_version SET format = 1");
            var both = Task.WhenAll(Enumerable.Range(0, 3).Select(_ => OpenAsync(Options(2))));
            await using (await JoinAsync(1))
            {
                var seen = await ExecuteAsync("SELECT format FROM schema_version");
                await both;
                Assert.Equal(seen, await ExecuteAsync("SELECT format FROM schema_version"));
            }
        }
    }

    [Fact]
    public async Task Open_RecordsOfANewerFormat_IsRefusedWithBothFormats()
    {
        await OpenAsync();
        await ExecuteAsync($"UPDATE schema_version SET format = {Unknown}");

        Assert.EndsWith(
            $"schema {Schema}) holds records of format {Unknown}, this program reads up to {RecordFormat.Newest}: " +
            "start the newer build that wrote them.", await RefusedAsync(Options(2)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Session_BrokenWhileTheFormatRose_EndsAProcessThatCannotReadIt()
    {
        await using var joined = await JoinAsync(2);
        await OpenAsync(Options(2));
        await ExecuteAsync($"UPDATE schema_version SET format = {Unknown}");

        await ExecuteAsync("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity " +
            "WHERE application_name LIKE 'evergrain-lock%' AND datname = current_database()");

        var failure = await Assert.ThrowsAsync<JournalUnavailableException>(() => joined.Lost.WaitAsync(Token));
        Assert.Contains($"holds records of format {Unknown}", failure.Message, StringComparison.Ordinal);
    }

    private static NpgsqlCommand Command(NpgsqlConnection connection, string sql, params long[] end)
    {
        var command = new NpgsqlCommand(sql, connection);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = Key.Tenant });
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = Key.Id.ToGuid() });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = 5 });
        command.Parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = [1, 2, 3] });
        Array.ForEach(end, number => command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = number }));
        return command;
    }

    private Task<PostgresJournalLock> JoinAsync(int format) =>
        PostgresJournalLock.TakeAsync(Options(format), JournalOwner.Cluster("evergrain", "evergrain"), Token);

    private PostgresJournalOptions Options(int format) => new()
    {
        Url = Url, Schema = Schema, Format = format, FormatInterval = TimeSpan.FromMilliseconds(50),
    };
}
