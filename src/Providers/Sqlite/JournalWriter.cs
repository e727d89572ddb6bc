using Evergrain.Providers.Journals;
using Microsoft.Data.Sqlite;

namespace Evergrain.Providers.Sqlite;

/// <summary>
/// The one thread that writes. It takes whatever waits, commits it in one transaction and answers every caller; the
/// next transaction gathers while the disk syncs. Only then it does its own work: cleaning up and checkpoints.
/// </summary>
internal sealed class JournalWriter
{
    private readonly SqliteJournalOptions _options;
    private readonly string _file;
    private readonly WriteTables _tables;
    private readonly WriteQueue _queue;
    private readonly ManualResetEventSlim _wake = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<PendingWrite> _batch = [];
    private readonly JournalMeter _meter = new();
    private bool _sweepPending = true;
    private long _logBytesSinceCheckpoint;

    public JournalWriter(SqliteJournalOptions options, string file, WriteTables tables)
    {
        _options = options;
        _file = file;
        _tables = tables;
        _queue = new WriteQueue(
            options.QueueLength, options.TransactionCountMax, options.TransactionBytesMax, _wake.Set);

        // What a killed process left counts: else a server that is killed often would never copy its log.
        var log = new FileInfo(file + JournalDatabase.LogSuffix);
        _logBytesSinceCheckpoint = log.Exists ? log.Length : 0;
        new Thread(Run) { IsBackground = true, Name = "Evergrain journal" }.Start();
    }

    public SqliteJournalCounters Counters => _meter.Read();

    /// <summary>Ends when the write is durable, refused or failed.</summary>
    public Task WriteAsync(PendingWrite write, CancellationToken cancellationToken) =>
        _queue.WriteAsync(write, cancellationToken);

    /// <summary>Takes no more writes, finishes those that wait, and ends the thread.</summary>
    public Task StopAsync()
    {
        _queue.Close();
        return _ended.Task;
    }

    private void Run()
    {
        while (true)
        {
            _wake.Reset();
            if (_queue.TryTake(_batch))
            {
                CommitBatch();
            }
            else if (_queue.IsDrained)
            {
                break;
            }
            else if (!_sweepPending)
            {
                // Woken by a write or by StopAsync, which is this thread's cancellation.
                _wake.Wait(CancellationToken.None);
                continue;
            }

            Maintain();
        }

        _ended.SetResult();
    }

    private void CommitBatch()
    {
        try
        {
            _tables.Begin();
            var deleted = false;
            foreach (var write in _batch)
            {
                deleted |= Apply(write);
            }

            _tables.Commit();

            // Space may be back: clean-ups that failed are tried again.
            _sweepPending |= deleted || _meter.TakeMaintenanceFailed();
            _meter.Committed(_batch);
            Answer(null);
        }
        catch (Exception e)
        {
            // The edge of the loop: whatever it was, this batch is told and the next one is tried.
            Undo();
            _meter.TransactionFailed();
            Answer(e is SqliteException failure ? JournalDatabase.Unavailable(failure, _file) : e);
        }
        finally
        {
            _batch.Clear();
        }
    }

    /// <summary>Does one write in the open transaction; true if a conversation was deleted.</summary>
    private bool Apply(PendingWrite write)
    {
        if (write.Report is { } report)
        {
            _tables.AddTotals(write.Key.Tenant, report);
            return false;
        }

        if (write.IsDelete)
        {
            var deleted = _tables.TryDelete(write.Key, write.End);
            write.IsRefused = deleted is null;
            return deleted is true;
        }

        write.IsRefused = !_tables.TryAppend(write.Key, write.End, write.Writer, write.Records.Span);
        return false;
    }

    private void Answer(Exception? failure)
    {
        foreach (var write in _batch)
        {
            if (failure is null)
            {
                write.Complete();
            }
            else
            {
                write.Fail(failure);
            }
        }
    }

    private void Maintain()
    {
        try
        {
            _sweepPending = _sweepPending && _tables.Sweep();
            var logBytes = _tables.TakePagesWritten() * JournalDatabase.FrameBytes;
            _meter.Logged(logBytes);
            _logBytesSinceCheckpoint += logBytes;
            if (_logBytesSinceCheckpoint >= _options.CheckpointBytes)
            {
                // Whether it succeeds or not, the next try is as many bytes away: a full disk is not asked each time.
                _logBytesSinceCheckpoint = 0;
                _tables.Checkpoint();
                _meter.Checkpointed();
            }
        }
        catch (SqliteException)
        {
            _sweepPending = false;
            _meter.MaintenanceFailed();
            Undo();
        }
    }

    private void Undo()
    {
        try
        {
            _tables.Rollback();
        }
        catch (SqliteException)
        {
            // A transaction that cannot be rolled back makes the next Begin fail, which tells its callers.
            _meter.MaintenanceFailed();
        }
    }
}
