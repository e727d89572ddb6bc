using Evergrain.Conversations.Ports;
using Evergrain.Providers.Copying;
using Evergrain.Providers.Journals;
using Evergrain.Providers.Postgres;
using Evergrain.Providers.Sqlite;
using Evergrain.Providers.Tests.Journals;
using Evergrain.Tests.Services;

namespace Evergrain.Providers.Tests.Copying;

/// <summary>From a directory into PostgreSQL, and back.</summary>
[Trait("Needs", "Postgres")]
[Collection(PostgresCollection.Name)]
public sealed class PostgresCopyTests(PostgresServer server) : CopyFixture, IAsyncLifetime
{
    private readonly string _schema = server.NewSchema();

    public Task InitializeAsync() => server.StartAsync();

    public Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    public async Task Copy_ThereAndBack_IsTheSource_InItsOrder()
    {
        await FillAsync();
        var tally = await CopyAsync(await OpenPostgresAsync(isCopyTarget: true));
        Assert.Equal((Conversations, Conversations), (tally.Copied, tally.Compared));
        await using (var journal = await OpenPostgresAsync(isCopyTarget: false))
        {
            Assert.Equal(await ReadAsync(Source), await ReadAsync(journal));

            // Appends move rows about: the order of the table is not the order of the conversations.
            await AppendAsync(journal, KeyOf(Conversations + 1), 3, 10);
            await journal.AppendAsync(KeyOf(0), new JournalEnd(1, ulong.MaxValue), 5, Append(KeyOf(0), 1, 9), Token);
        }

        await CopyBackAsync();
        await using var copied = await OpenPostgresAsync(isCopyTarget: false);
        Assert.Equal(await ReadAsync(copied), await ReadAsync(PathOf("back")));
    }

    [Fact]
    public async Task Copy_IntoATargetThatHadAnIndexOfHistories_IsIndexedAnew()
    {
        await FillAsync();
        var options = Options(isCopyTarget: false);
        options.KeepsHistories = true;
        await using (await PostgresJournal.OpenAsync(options, Token))
        {
        }

        await CopyAsync(await OpenPostgresAsync(isCopyTarget: true));

        await using var journal = await PostgresJournal.OpenAsync(options, Token);
        Assert.True(await ((IHistoryStore)journal).ClaimAsync("one", process: 7, Token) > 0);
    }

    [Fact]
    public async Task Copy_BrokenOff_IsNotServed_AndGoesOn()
    {
        await FillAsync();
        foreach (var more in (int[])[0, 100, 400])
        {
            await BreakAsync(await OpenPostgresAsync(isCopyTarget: true), more);
            var refused = await Assert.ThrowsAsync<JournalUnavailableException>(
                () => OpenPostgresAsync(isCopyTarget: false));
            Assert.Contains("is an unfinished copy: run evergrain copy again", refused.Message,
                StringComparison.Ordinal);
            refused = await Assert.ThrowsAsync<JournalUnavailableException>(() => OpenSourceAsync());
            Assert.Contains("is an unfinished copy", refused.Message, StringComparison.Ordinal);
        }

        await CopyAsync(await OpenPostgresAsync(isCopyTarget: true));

        await using var journal = await OpenPostgresAsync(isCopyTarget: false);
        Assert.Equal(await ReadAsync(Source), await ReadAsync(journal));
        var filled = await Assert.ThrowsAsync<JournalUnavailableException>(
            () => OpenPostgresAsync(isCopyTarget: true));
        Assert.Contains("holds conversations, and no unfinished copy", filled.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Copy_WhoseConnectionIsCut_GoesOnWhenItIsBack()
    {
        await FillAsync();
        await using var proxy = new CuttingProxy(server.Port);
        var url = server.Url(PostgresServer.Database, proxy.Port);
        var target = await PostgresJournal.OpenAsync(Options(isCopyTarget: true, url), Token);
        await using (var source = SqliteCopySource.Open(Source))
        {
            var tally = new CopyTally();
            var copying = new JournalCopy(new CopiedJournals(source, target), tally).RunAsync(Token);
            while (tally.Appends < 30)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System, Token);
            }

            proxy.Sever();
            await Assert.ThrowsAsync<JournalUnavailableException>(() => copying);
            await target.DisposeAsync();
        }

        proxy.IsClosed = false;
        await CopyAsync(await PostgresJournal.OpenAsync(Options(isCopyTarget: true, url), Token));

        await using var journal = await OpenPostgresAsync(isCopyTarget: false);
        Assert.Equal(await ReadAsync(Source), await ReadAsync(journal));
    }

    [Fact]
    public async Task Source_ThatIsServed_NotThere_OrOfAnotherVersion_IsRefused()
    {
        await RefusedAsync("There is no journal at");
        await using (await OpenPostgresAsync(isCopyTarget: false))
        await using (await PostgresJournalLock.TakeAsync(
            Options(isCopyTarget: false), JournalOwner.Cluster("a", "b"), Token))
        {
            await RefusedAsync("is in use by another process");
        }

        await ExecuteAsync("UPDATE schema_version SET version = 1");
        await RefusedAsync("is of an older build");
        await ExecuteAsync("UPDATE schema_version SET version = 3");
        await RefusedAsync("start the newer version");
        await ExecuteAsync("UPDATE schema_version SET version = 2, format = 5");
        await RefusedAsync("start the newer build");
    }

    [Fact]
    public async Task Source_WithADamagedConversation_StaysAsItIs()
    {
        await using (await OpenPostgresAsync(isCopyTarget: false))
        {
            // It makes the tables.
        }

        await ExecuteAsync("""
            INSERT INTO conversations (tenant, id, next, writer) VALUES ('one', gen_random_uuid(), 1, 1);
            INSERT INTO appends (conversation, position, writer, records, schema_version) VALUES (1, 0, 1, 'x', 2)
            """);

        var tally = await CopyBackAsync();

        Assert.Single(tally.Damaged);
        Assert.Equal(1L, await ExecuteAsync("SELECT count(*) FROM appends"));
    }

    private async Task<CopyTally> CopyBackAsync()
    {
        await using var source = await OpenSourceAsync();
        await using var target = await SqliteJournal.OpenAsync(
            new SqliteJournalOptions { Directory = PathOf("back"), IsCopyTarget = true }, Token);
        var tally = new CopyTally();
        await new JournalCopy(new CopiedJournals(source, target), tally).RunAsync(Token);
        return tally;
    }

    private PostgresJournalOptions Options(bool isCopyTarget, string? url = null) => new()
    {
        Url = url ?? server.Url(PostgresServer.Database),
        Schema = _schema,
        ReconnectTime = TimeSpan.FromSeconds(0.2),
        IsCopyTarget = isCopyTarget,
    };

    private Task<PostgresJournal> OpenPostgresAsync(bool isCopyTarget) =>
        PostgresJournal.OpenAsync(Options(isCopyTarget), Token);

    private Task<PostgresCopySource> OpenSourceAsync() => PostgresCopySource.OpenAsync(
        Options(isCopyTarget: false, PostgresUrl.ReadOnly(server.Url(PostgresServer.Database))), Token);

    private async Task RefusedAsync(string said)
    {
        var refused = await Assert.ThrowsAsync<JournalUnavailableException>(() => OpenSourceAsync());
        Assert.Contains(said, refused.Message, StringComparison.Ordinal);
    }

    private Task<object?> ExecuteAsync(string sql) => server.ExecuteAsync(PostgresServer.Database, sql, _schema);
}
