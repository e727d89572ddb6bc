using Evergrain.Conversations.Ports;
using Evergrain.Providers.Postgres;
using Evergrain.Providers.Sqlite;
using Evergrain.Suites.Crash;
using Evergrain.Tests.Services;
using Xunit.Abstractions;

namespace Evergrain.Frontend.Tests.Crash;

[Collection(nameof(ProcessTests))]
public sealed class SqliteCrashTests(ITestOutputHelper output) : CrashContract(output)
{
    private readonly DirectoryInfo _data = Directory.CreateTempSubdirectory("evergrain-crash-");

    protected override string Name => "SQLite";

    protected override int Rounds => 6;

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        _data.Delete(recursive: true);
    }

    internal override ServerSettings Server() => ServerSettings.OnSqlite(_data.FullName);

    protected override async Task<IJournal> OpenJournalAsync(CancellationToken cancellationToken) =>
        await SqliteJournal.OpenAsync(new SqliteJournalOptions { Directory = _data.FullName }, cancellationToken);
}

[Trait("Needs", "Postgres")]
[Collection(nameof(PostgresProcessTests))]
public sealed class PostgresCrashTests(PostgresServer postgres, ITestOutputHelper output) : CrashContract(output)
{
    private string _url = "";

    protected override string Name => "PostgreSQL";

    protected override int Rounds => 4;

    public override async Task InitializeAsync()
    {
        _url = postgres.Url(await postgres.CreateDatabaseAsync());
        await base.InitializeAsync();
    }

    internal override ServerSettings Server() => ServerSettings.OnPostgres(_url);

    protected override async Task<IJournal> OpenJournalAsync(CancellationToken cancellationToken) =>
        await PostgresJournal.OpenAsync(new PostgresJournalOptions { Url = _url }, cancellationToken);
}
