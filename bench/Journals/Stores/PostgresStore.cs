using System.Globalization;
using Evergrain.Providers.Postgres;
using Npgsql;

namespace Evergrain.Journals.Stores;

/// <summary>A journal in a PostgreSQL: a given one, in a schema of its own that is dropped, or a private one.</summary>
internal sealed class PostgresStore : Store
{
    // A server process that has nothing to do reports what it counted at the latest after 10 s.
    private static readonly TimeSpan ReportTime = TimeSpan.FromSeconds(11);

    private readonly PostgresJournal _journal;
    private readonly NpgsqlConnection _probe;
    private readonly PrivatePostgres? _server;
    private readonly string _schema;
    private readonly bool _countsSyncs;

    private PostgresStore(PostgresJournal journal, NpgsqlConnection probe, PrivatePostgres? server, string schema)
        : base("PostgreSQL", journal)
    {
        (_journal, _probe, _server, _schema) = (journal, probe, server, schema);

        // Later versions count them elsewhere, per kind of process.
        _countsSyncs = probe.PostgreSqlVersion.Major is >= 14 and < 18;
    }

    public override string WrittenMeans => "bytes of write-ahead log";

    /// <summary>Opens the journal that the command line names, or one of a private server; null: neither.</summary>
    public static async Task<PostgresStore?> OpenAsync(JournalsOptions options, CancellationToken cancellationToken)
    {
        var server = options.Postgres is null
            ? await PrivatePostgres.StartAsync(options.Data, cancellationToken)
            : null;
        if ((options.Postgres ?? server?.Url) is not { } url)
        {
            Console.WriteLine("PostgreSQL is left out: name one with --postgres, or install it.");
            Console.WriteLine();
            return null;
        }

        var schema = string.Create(CultureInfo.InvariantCulture, $"evergrain_bench_{Environment.ProcessId}");
        var journal = await PostgresJournal.OpenAsync(
            new PostgresJournalOptions { Url = url, Schema = schema }, cancellationToken);
        var settings = PostgresUrl.Parse(url);
        settings.Pooling = false;
        var probe = new NpgsqlConnection(settings.ToString());
        await probe.OpenAsync(cancellationToken);
        return new PostgresStore(journal, probe, server, schema);
    }

    /// <summary>Its version, and the settings that decide what an append costs.</summary>
    public async Task<string> DescribeAsync(CancellationToken cancellationToken)
    {
        var settings = new List<string>();
        foreach (var name in (string[])["fsync", "wal_sync_method", "full_page_writes", "shared_buffers"])
        {
            settings.Add($"{name} = {await QueryAsync<string>($"SHOW {name}", cancellationToken)}");
        }

        return $"PostgreSQL {_probe.PostgreSqlVersion}{(_server is null ? "" : ", a private one on 127.0.0.1")}: " +
            string.Join(", ", settings) + ", synchronous_commit = on by the journal.";
    }

    public override async ValueTask<Sums> SumsAsync(CancellationToken cancellationToken) => new(
        (double)await QueryAsync<decimal>("SELECT pg_current_wal_insert_lsn() - '0/0'", cancellationToken),
        double.NaN, _journal.Counters.Transactions);

    public override async ValueTask<double> SyncsAsync(CancellationToken cancellationToken)
    {
        if (!_countsSyncs)
        {
            return double.NaN;
        }

        await Task.Delay(ReportTime, TimeProvider.System, cancellationToken);
        return await QueryAsync<long>("SELECT wal_sync FROM pg_stat_wal", cancellationToken);
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await QueryAsync<object?>($"DROP SCHEMA \"{_schema}\" CASCADE", CancellationToken.None);
        await _probe.DisposeAsync();
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }
    }

    private async Task<T> QueryAsync<T>(string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, _probe);
        return (T)(await command.ExecuteScalarAsync(cancellationToken))!;
    }
}
