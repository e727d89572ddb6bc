using Evergrain.Providers.Journals;

namespace Evergrain.Providers.Postgres;

/// <summary>
/// A few loops that write. Each takes what waits, sends it as one transaction in one round trip, and answers every
/// caller; what comes meanwhile gathers for whichever is free next.
/// </summary>
internal sealed class PostgresWriter
{
    private readonly PostgresConnections _connections;
    private readonly StoreCondition _condition;
    private readonly WriteStatements _statements;
    private readonly WriteQueue _queue;
    private readonly Task _loops;

    public PostgresWriter(
        PostgresJournalOptions options, PostgresConnections connections, StoreCondition condition)
    {
        (_connections, _condition) = (connections, condition);
        _statements = new WriteStatements(options.Schema);
        _queue = new WriteQueue(options.QueueLength, options.TransactionCountMax, options.TransactionBytesMax);
        _loops = Task.WhenAll(Enumerable.Range(0, options.WritersMax).Select(_ => Task.Run(RunAsync)));
    }

    /// <summary>Ends when the write is durable, refused or failed.</summary>
    public Task WriteAsync(PendingWrite write, CancellationToken cancellationToken) =>
        _queue.WriteAsync(write, cancellationToken);

    /// <summary>Takes no more writes and finishes those that wait.</summary>
    public Task StopAsync()
    {
        _queue.Close();
        return _loops;
    }

    private async Task RunAsync()
    {
        var taken = new List<PendingWrite>();
        while (await _queue.WaitAsync())
        {
            while (_queue.TryTake(taken))
            {
                await StoreAsync(InOrder(taken), isLastTry: false);
                taken.Clear();
            }
        }
    }

    /// <summary>
    /// Rows are locked in the same order by every server, so that two cannot wait for each other. Writes of one
    /// conversation keep the order they came in.
    /// </summary>
    private static PendingWrite[] InOrder(List<PendingWrite> writes) =>
        [.. writes.OrderBy(w => w.Key.Tenant, StringComparer.Ordinal).ThenBy(w => w.Key.Id.Value)];

    private async Task<bool> StoreAsync(PendingWrite[] batch, bool isLastTry)
    {
        try
        {
            var rolledBack = await _connections.RunAsync(_connections.Writes,
                connection => WriteTransaction.CommitAsync(connection, _statements, batch, isWaitShort: isLastTry),
                since: null, CancellationToken.None);
            if (rolledBack is null)
            {
                _connections.Meter.Committed(batch);
                _condition.Succeeded();
                Array.ForEach(batch, write => write.Complete());
                return false;
            }

            _connections.Meter.TransactionFailed();
            if (batch.Length > 1)
            {
                await StoreEachAsync(batch, rolledBack.Culprit);
            }
            else
            {
                Fail(batch, rolledBack.Error);
            }

            return false;
        }
        catch (Exception e)
        {
            // The edge of the loop: whatever it was, these callers are told and the next are tried.
            _connections.Meter.TransactionFailed();
            Fail(batch, e);
            return PostgresFault.IsConnectionLost(e);
        }
    }

    /// <summary>
    /// Nothing of the batch was stored. Alone, only what cannot be stored fails; the culprit comes last, so that the
    /// others need not wait for it again.
    /// </summary>
    private async Task StoreEachAsync(PendingWrite[] batch, PendingWrite? culprit)
    {
        var isAway = false;
        foreach (var write in batch.OrderBy(write => write == culprit))
        {
            if (isAway)
            {
                // The server went away under the one before, and was waited for: not as long again for each.
                Fail([write], new TimeoutException("the server went away after it had rolled this back"));
                continue;
            }

            isAway = await StoreAsync([write], isLastTry: true);
        }
    }

    private void Fail(PendingWrite[] batch, Exception failure)
    {
        if (PostgresFault.HindersAll(failure))
        {
            _condition.Failed(PostgresFault.Unavailable(failure, _connections.Place));
        }

        Array.ForEach(batch,
            write => write.Fail(PostgresFault.Unavailable(failure, _connections.Place, write.IsDoubtful)));
    }
}
