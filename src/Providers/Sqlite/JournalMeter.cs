using Evergrain.Providers.Journals;

namespace Evergrain.Providers.Sqlite;

/// <summary>Counts what the writer does: written by its thread, read by anyone.</summary>
internal sealed class JournalMeter
{
    private long _appends, _appendedBytes, _refused, _transactions, _failed, _logBytes, _checkpoints, _maintenance;
    private bool _maintenanceFailed;

    public SqliteJournalCounters Read() => new()
    {
        Appends = Volatile.Read(ref _appends),
        AppendedBytes = Volatile.Read(ref _appendedBytes),
        Refused = Volatile.Read(ref _refused),
        Transactions = Volatile.Read(ref _transactions),
        FailedTransactions = Volatile.Read(ref _failed),
        LogBytes = Volatile.Read(ref _logBytes),
        Checkpoints = Volatile.Read(ref _checkpoints),
        FailedMaintenance = Volatile.Read(ref _maintenance),
    };

    public void Committed(List<PendingWrite> batch)
    {
        foreach (var write in batch)
        {
            if (write.IsRefused)
            {
                Add(ref _refused, 1);
            }
            else if (write is { IsDelete: false, Report: null, Heads: null, Copied: null })
            {
                Add(ref _appends, 1);
                Add(ref _appendedBytes, write.Records.Length);
            }
        }

        Add(ref _transactions, 1);
    }

    public void TransactionFailed() => Add(ref _failed, 1);

    public void Logged(long bytes) => Add(ref _logBytes, bytes);

    public void Checkpointed() => Add(ref _checkpoints, 1);

    public void MaintenanceFailed()
    {
        _maintenanceFailed = true;
        Add(ref _maintenance, 1);
    }

    /// <summary>Whether maintenance failed since the last call.</summary>
    public bool TakeMaintenanceFailed() => Interlocked.Exchange(ref _maintenanceFailed, false);

    private static void Add(ref long counter, long amount) => Volatile.Write(ref counter, counter + amount);
}
