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
    private readonly DirectoryInfo _copies = Directory.CreateTempSubdirectory("evergrain-crash-copies-");
    private int _copiesMade;

    protected override string Name => "SQLite";

    protected override int Rounds => 6;

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        _data.Delete(recursive: true);
        _copies.Delete(recursive: true);
    }

    internal override ServerSettings Server() => ServerSettings.OnSqlite(_data.FullName);

    // A copy: what a kill leaves is for the server to open first.
    protected override async Task<IJournal> OpenJournalAsync(CancellationToken cancellationToken)
    {
        var copy = Directory.CreateDirectory(Path.Combine(_copies.FullName, $"{_copiesMade++}"));
        foreach (var file in _data.GetFiles("*.db*"))
        {
            file.CopyTo(Path.Combine(copy.FullName, file.Name));
        }

        return await SqliteJournal.OpenAsync(
            new SqliteJournalOptions { Directory = copy.FullName }, cancellationToken);
    }
}

[Trait("Needs", "Postgres")]
[Collection(nameof(PostgresProcessTests))]
public sealed class PostgresCrashTests(PostgresServer postgres, ITestOutputHelper output) : CrashContract(output)
{
    private const string Sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND " +
        "backend_type = 'client backend' AND pid <> pg_backend_pid()";

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);

    private string _database = "";
    private string _url = "";

    protected override string Name => "PostgreSQL";

    protected override int Rounds => 4;

    public override async Task InitializeAsync()
    {
        _database = await postgres.CreateDatabaseAsync();
        _url = postgres.Url(_database);
        await base.InitializeAsync();
    }

    internal override ServerSettings Server() => ServerSettings.OnPostgres(_url);

    // PostgreSQL may still commit what a killed server sent.
    protected override async Task<IJournal> OpenJournalAsync(CancellationToken cancellationToken)
    {
        while (await postgres.ExecuteAsync(_database, Sessions) is not 0L)
        {
            await Task.Delay(Look, TimeProvider.System, cancellationToken);
        }

        return await PostgresJournal.OpenAsync(new PostgresJournalOptions { Url = _url }, cancellationToken);
    }
}
