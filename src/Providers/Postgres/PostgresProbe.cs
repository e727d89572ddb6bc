using Evergrain.Providers.Journals;
using Npgsql;

namespace Evergrain.Providers.Postgres;

/// <summary>
/// While nothing can be stored, tries to write once a second: a server that is not ready gets no turn that would find
/// out. Runs until disposed.
/// </summary>
internal sealed class PostgresProbe : IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly PostgresConnections _connections;
    private readonly StoreCondition _condition;
    private readonly PostgresJournalOptions _options;
    private readonly CancellationTokenSource _closed = new();
    private readonly Task _trying;

    public PostgresProbe(PostgresConnections connections, StoreCondition condition, PostgresJournalOptions options)
    {
        (_connections, _condition, _options) = (connections, condition, options);
        _trying = RunAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _closed.CancelAsync();
        await _trying;
        _closed.Dispose();
    }

    private async Task RunAsync()
    {
        while (!_closed.IsCancellationRequested)
        {
            await Task.Delay(Interval, _options.Time, _closed.Token)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (_condition.Obstacle is not null && !_closed.IsCancellationRequested)
            {
                await TryAsync();
            }
        }
    }

    private async Task TryAsync()
    {
        try
        {
            await using var connection = await _connections.Writes.OpenConnectionAsync(_closed.Token);
            await SchemaCommands.ExecuteAsync(connection,
                $"UPDATE \"{_options.Schema}\".schema_version SET format = format", _closed.Token);
            _condition.Succeeded();
        }
        catch (Exception e) when (e is NpgsqlException || PostgresFault.IsConnectionLost(e))
        {
            _condition.Failed(PostgresFault.Unavailable(e, _connections.Place));
        }
        catch (OperationCanceledException) when (_closed.IsCancellationRequested)
        {
            // The journal is closed.
        }
    }
}
