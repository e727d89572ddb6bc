using Evergrain.Providers.Journals;

namespace Evergrain.Providers.Postgres;

/// <summary>Counts what the journal does: written and read by anyone.</summary>
internal sealed class PostgresMeter
{
    private long _appends, _appendedBytes, _refused, _transactions, _failed, _reconnects, _resolved;

    public PostgresJournalCounters Read() => new()
    {
        Appends = Volatile.Read(ref _appends),
        AppendedBytes = Volatile.Read(ref _appendedBytes),
        Refused = Volatile.Read(ref _refused),
        Transactions = Volatile.Read(ref _transactions),
        FailedTransactions = Volatile.Read(ref _failed),
        Reconnects = Volatile.Read(ref _reconnects),
        Resolved = Volatile.Read(ref _resolved),
    };

    public void Committed(IReadOnlyList<PendingWrite> batch)
    {
        foreach (var write in batch)
        {
            if (write.IsRefused)
            {
                Interlocked.Increment(ref _refused);
            }
            else if (!write.IsDelete)
            {
                Interlocked.Increment(ref _appends);
                Interlocked.Add(ref _appendedBytes, write.Records.Length);
            }

            if (write.IsDoubtful && !write.IsDelete)
            {
                Interlocked.Increment(ref _resolved);
            }
        }

        Interlocked.Increment(ref _transactions);
    }

    public void TransactionFailed() => Interlocked.Increment(ref _failed);

    public void Reconnecting() => Interlocked.Increment(ref _reconnects);
}
