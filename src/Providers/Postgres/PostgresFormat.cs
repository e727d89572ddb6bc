using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Npgsql;

namespace Evergrain.Providers.Postgres;

/// <summary>
/// The newest format of the journal's records. It stands in the schema and rises once every process has said that it
/// agrees; it never falls.
/// </summary>
/// <remarks>
/// A process says so by a shared advisory lock of the newest format that it agrees on. Its session holds the lock for
/// as long as it serves (<see cref="PostgresJournalLock"/>). A format is raised by a transaction that gets the locks of
/// all older formats for itself: then nobody holds one. A process takes its lock first and looks at the schema's format
/// then, so that either the lock is seen, or the raised format is.
/// </remarks>
internal sealed class PostgresFormat : IAsyncDisposable
{
    private readonly PostgresConnections _connections;
    private readonly PostgresJournalOptions _options;
    private readonly CancellationTokenSource _closed = new();
    private readonly Task _raising;
    private volatile int _written;

    public PostgresFormat(PostgresConnections connections, PostgresJournalOptions options, int written)
    {
        (_connections, _options, _written) = (connections, options, written);
        _raising = written < options.Format ? RaiseAsync() : Task.CompletedTask;
    }

    /// <summary>What this process writes.</summary>
    public int Current => Math.Min(_written, _options.Format);

    /// <summary>Refuses a journal that holds records which this build does not read.</summary>
    /// <exception cref="JournalUnavailableException">It does.</exception>
    public static async Task CheckAsync(NpgsqlConnection connection, PostgresPlace place, string schema,
        CancellationToken cancellationToken)
    {
        var written = await ReadAsync(connection, schema, cancellationToken);
        if (written > RecordFormat.Newest)
        {
            throw new JournalUnavailableException($"The journal at {place.Server} (database {place.Database}, schema " +
                $"{schema}) holds records of format {written}, this program reads up to {RecordFormat.Newest}: " +
                "start the newer build that wrote them.");
        }
    }

    /// <summary>The newest format of the journal's records.</summary>
    public static async Task<int> ReadAsync(
        NpgsqlConnection connection, string schema, CancellationToken cancellationToken) =>
        (int)await SchemaCommands.QueryInt64Async(connection, Select(schema), cancellationToken);

    /// <summary>Raises the format if nobody holds it back; gives the format then.</summary>
    public static async Task<int> RaiseAsync(NpgsqlConnection connection, PostgresJournalOptions options,
        CancellationToken cancellationToken)
    {
        var older = Enumerable.Range(RecordFormat.First, options.Format - RecordFormat.First)
            .Select(format => $" AND pg_try_advisory_xact_lock({LockOf(options.Schema, format)})");
        await SchemaCommands.ExecuteAsync(connection, $"""
            UPDATE "{options.Schema}".schema_version SET format = {options.Format}
            WHERE format < {options.Format}{string.Concat(older)}
            """, cancellationToken);
        return await ReadAsync(connection, options.Schema, cancellationToken);
    }

    /// <summary>The number of a format's lock, as an expression.</summary>
    public static string LockOf(string schema, int format) =>
        $"hashtextextended('evergrain format {schema} {format}', 0)";

    public async ValueTask DisposeAsync()
    {
        await _closed.CancelAsync();
        await _raising;
        _closed.Dispose();
    }

    private static string Select(string schema) => $"SELECT max(format)::bigint FROM \"{schema}\".schema_version";

    private async Task RaiseAsync()
    {
        while (_written < _options.Format)
        {
            try
            {
                await Task.Delay(_options.FormatInterval, _options.Time, _closed.Token);
                await using var connection = await _connections.Writes.OpenConnectionAsync(_closed.Token);
                _written = await RaiseAsync(connection, _options, _closed.Token);
            }
            catch (OperationCanceledException) when (_closed.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (e is NpgsqlException || PostgresFault.IsConnectionLost(e))
            {
                // The older format goes on being right; the next time comes.
            }
        }
    }
}
