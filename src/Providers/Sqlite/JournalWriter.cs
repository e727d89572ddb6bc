using Evergrain.Conversations.Ports;
using Evergrain.Providers.Journals;
using Microsoft.Data.Sqlite;

namespace Evergrain.Providers.Sqlite;

/// <summary>
/// The one thread that writes. It takes whatever waits, commits it in one transaction and answers every caller; the
/// next transaction gathers while the disk syncs. Only then it does its own work: cleaning up and checkpoints.
/// </summary>
internal sealed class JournalWriter
{
    // How soon an idle server notices that a file is gone, or that a full disk has room again.
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);

    // While appends come, the log is cut at most this often: the next ones let it grow again, which makes their syncs
    // dearer. An idle server does it at once.
    private static readonly TimeSpan ScrubInterval = TimeSpan.FromMinutes(1);

    private readonly SqliteJournalOptions _options;
    private readonly JournalStore _store;
    private readonly WriteTables _tables;
    private readonly WriteQueue _queue;
    private readonly ManualResetEventSlim _wake = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<PendingWrite> _batch = [];
    private readonly List<PendingWrite> _histories = [];
    private readonly JournalMeter _meter = new();
    private bool _sweepPending = true;

    // Whether the log may still hold what was deleted, and when it was cut last.
    private bool _scrubPending;
    private long _scrubbedAt = TimeProvider.System.GetTimestamp();
    private long _logBytesSinceCheckpoint;

    public JournalWriter(SqliteJournalOptions options, JournalStore store, WriteTables tables)
    {
        _options = options;
        _store = store;
        _tables = tables;
        _queue = new WriteQueue(
            options.QueueLength, options.TransactionCountMax, options.TransactionBytesMax, _wake.Set);

        // What a killed process left counts: else a server that is killed often would never copy its log.
        var log = new FileInfo(store.File + JournalDatabase.LogSuffix);
        _logBytesSinceCheckpoint = log.Exists ? log.Length : 0;
        _scrubPending = _logBytesSinceCheckpoint > 0;
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
                TakeHistories();
                CommitBatch();
                CommitHistories();
            }
            else if (_queue.IsDrained)
            {
                break;
            }
            else if (!_sweepPending)
            {
                // Woken by a write or by StopAsync, which is this thread's cancellation.
                if (!_wake.Wait(LookInterval, CancellationToken.None))
                {
                    Look();
                    Scrub(isIdle: true);
                }

                continue;
            }

            Maintain();
            Scrub(isIdle: false);
        }

        KeepHeads();
        _ended.SetResult();
    }

    /// <summary>
    /// Parts ends of turns from the other writes: these do not wait for the index, nor fail with it.
    /// </summary>
    private void TakeHistories()
    {
        if (!_options.KeepsHistories)
        {
            return;
        }

        _histories.AddRange(_batch.Where(static write => write.Histories is not null));
        _batch.RemoveAll(static write => write.Histories is not null);
    }

    /// <summary>Commits each batch of ends of turns in a transaction of its own.</summary>
    private void CommitHistories()
    {
        foreach (var write in _histories)
        {
            try
            {
                _tables.Begin();
                _tables.AddHistories(write.Histories!);
                _store.Files.CheckLock();
                _tables.Commit();
                _store.Files.Check();
                write.Complete();
            }
            catch (Exception e)
            {
                // The edge of the loop. Appends tell what is wrong with the store.
                Undo();
                write.Fail(e is SqliteException error ? JournalDatabase.Unavailable(error, _store.File) : e);
            }
        }

        _histories.Clear();
    }

    private void CommitBatch()
    {
        if (_batch.Count == 0)
        {
            return;
        }

        try
        {
            _tables.Begin();
            var deleted = false;
            foreach (var write in _batch)
            {
                deleted |= Apply(write);
            }

            _store.Files.CheckLock();
            _tables.Commit();

            // It is on the disk now; but perhaps in a file that nobody will ever find.
            _store.Files.Check();

            // Space may be back: clean-ups that failed are tried again.
            _sweepPending |= deleted || _meter.TakeMaintenanceFailed();
            _meter.Committed(_batch);
            _store.Condition.Succeeded();
            Answer(null);
        }
        catch (Exception e)
        {
            // The edge of the loop: whatever it was, this batch is told and the next one is tried.
            Undo();
            _meter.TransactionFailed();
            Answer(Fault(e));
        }
        finally
        {
            _batch.Clear();
        }
    }

    private Exception Fault(Exception failure)
    {
        if (failure is not SqliteException error)
        {
            return failure;
        }

        var unavailable = JournalDatabase.Unavailable(error, _store.File);
        _store.Condition.Failed(unavailable);
        return unavailable;
    }

    /// <summary>Nothing was written for a while: looks at the files, and tries to write if that failed last.</summary>
    private void Look()
    {
        try
        {
            _store.Files.Check();
            if (_store.Condition.Obstacle is not null)
            {
                _tables.Try();
                _store.Condition.Succeeded();
            }
        }
        catch (SqliteException e)
        {
            _ = Fault(e);
        }
        catch (JournalUnavailableException)
        {
            // The files are gone, which was reported.
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

        if (write.Heads is { } heads)
        {
            _tables.RaiseHeads(heads);
            return false;
        }

        if (write.Lifetimes is { } start)
        {
            _tables.KeepLifetimes(start);
            return false;
        }

        if (write.Copied is { } totals)
        {
            _tables.EndCopy(totals);
            return false;
        }

        if (write.IsDelete)
        {
            var deleted = _tables.TryDelete(write.Key, write.End);
            write.IsRefused = deleted is null;
            return deleted is true;
        }

        write.IsRefused = !_tables.TryAppend(write.Key, write.End, write.Writer, write.Records.Span);
        if (write is { IsRefused: false, Deleted: { } turns })
        {
            _tables.Forget(write.Key, turns);
        }

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
            _store.Files.Check();
            _sweepPending = _sweepPending && _tables.Sweep();
            _scrubPending |= _sweepPending;
            var logBytes = _tables.TakePagesWritten() * JournalDatabase.FrameBytes;
            _meter.Logged(logBytes);
            _logBytesSinceCheckpoint += logBytes;
            if (_logBytesSinceCheckpoint >= _options.CheckpointBytes)
            {
                // Whether it succeeds or not, the next try is as many bytes away: a full disk is not asked each time.
                _logBytesSinceCheckpoint = 0;
                _tables.KeepHeads();
                _tables.Checkpoint();
                _meter.Checkpointed();
            }
        }
        catch (Exception e) when (e is SqliteException or JournalUnavailableException)
        {
            _sweepPending = false;
            _meter.MaintenanceFailed();
            Undo();
        }
    }

    /// <summary>Cuts the log once all that was deleted is overwritten in the database.</summary>
    private void Scrub(bool isIdle)
    {
        if (!_scrubPending || _sweepPending ||
            (!isIdle && TimeProvider.System.GetElapsedTime(_scrubbedAt) < ScrubInterval))
        {
            return;
        }

        try
        {
            _store.Files.Check();
            _scrubbedAt = TimeProvider.System.GetTimestamp();
            _tables.KeepHeads();
            _scrubPending = !_tables.TryScrub();
            _logBytesSinceCheckpoint = _scrubPending ? _logBytesSinceCheckpoint : 0;
        }
        catch (Exception e) when (e is SqliteException or JournalUnavailableException)
        {
            _meter.MaintenanceFailed();
            Undo();
        }
    }

    private void KeepHeads()
    {
        try
        {
            _store.Files.Check();
            _tables.KeepHeads();
        }
        catch (Exception e) when (e is SqliteException or JournalUnavailableException)
        {
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
