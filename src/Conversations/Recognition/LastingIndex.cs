using System.Diagnostics.Metrics;
using System.Threading.Channels;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ports;
using Microsoft.Extensions.Logging;

namespace Evergrain.Conversations.Recognition;

/// <summary>
/// The index in the journal's store. Entries are written behind, in batches, and no turn waits for them. What a crash,
/// a full queue or a broken store loses costs time later, and no answer.
/// </summary>
public sealed partial class LastingIndex : IAsyncDisposable
{
    // Some seconds of a busy process; about 200 bytes each.
    private const int QueueLength = 8_192;

    // One transaction: appends of a SQLite file wait for it, some milliseconds.
    private const int BatchMax = 256;

    // Between two batches. The first entry after a quiet time is written at once.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    // Reading an index takes a millisecond. A store that takes longer costs more than it can save.
    private static readonly TimeSpan FindTime = TimeSpan.FromMilliseconds(200);

    // What is left when the process stops: the store has it or nobody has.
    private static readonly TimeSpan FlushTime = TimeSpan.FromSeconds(2);

    private readonly IHistoryStore _store;
    private readonly RecognitionOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly LogPause _pause;
    private readonly Counter<long> _lost;
    private readonly Channel<HistoryEntry> _waiting = Channel.CreateBounded<HistoryEntry>(
        new BoundedChannelOptions(QueueLength) { SingleReader = true });

    private readonly CancellationTokenSource _stopping = new();
    private readonly CancellationTokenSource _over = new();
    private readonly Task _writing;

    /// <summary>Begins to write what is added.</summary>
    /// <param name="store">Where it is.</param>
    /// <param name="options">Its bound.</param>
    /// <param name="meters">Makes the meter <c>Evergrain</c> of its instruments.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Is told of failures.</param>
    public LastingIndex(IHistoryStore store, RecognitionOptions options, IMeterFactory meters, TimeProvider time,
        ILogger<LastingIndex> logger)
    {
        ArgumentNullException.ThrowIfNull(meters);
        (_store, _options, _time, _logger) = (store, options, time, logger);
        _pause = new LogPause(time);
        _lost = meters.Create("Evergrain").CreateCounter<long>("evergrain.histories.lost", "{history}",
            "Ends of turns that the lasting index did not take: by a full queue, or a store that failed.");
        _writing = Task.Run(WriteAsync);
    }

    /// <summary>Adds the end of a turn; it is lost where too many wait.</summary>
    public void Add(HistoryEntry entry)
    {
        if (!_waiting.Writer.TryWrite(entry))
        {
            _lost.Add(1, new KeyValuePair<string, object?>("reason", "queue"));
        }
    }

    /// <summary>The turn with the first of some keys. A store that fails or takes too long knows none.</summary>
    public async ValueTask<HistoryEntry?> FindAsync(string tenant, IReadOnlyList<Digest> keys, ulong hint,
        CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            return await _store.FindAsync(tenant, keys, hint, limit.Token).AsTask()
                .WaitAsync(FindTime, _time, cancellationToken);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            if (_pause.IsOver())
            {
                LogNotRead(_logger, e);
            }

            return null;
        }
        finally
        {
            await limit.CancelAsync();
        }
    }

    /// <summary>Writes what waits, for a short time at most.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_waiting.Writer.TryComplete())
        {
            return;
        }

        await _stopping.CancelAsync();
        await _writing.WaitAsync(FlushTime, _time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _over.CancelAsync();
        await _writing;
        _stopping.Dispose();
        _over.Dispose();
    }

    private async Task WriteAsync()
    {
        var batch = new List<HistoryEntry>(BatchMax);
        while (await _waiting.Reader.WaitToReadAsync())
        {
            while (batch.Count < BatchMax && _waiting.Reader.TryRead(out var entry))
            {
                batch.Add(entry);
            }

            await StoreAsync(batch);
            batch.Clear();
            await Task.Delay(Pause, _time, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task StoreAsync(List<HistoryEntry> batch)
    {
        try
        {
            await _store.AddAsync([.. batch], _options.RecognitionEntriesMax, _over.Token);
        }
        catch (Exception e)
        {
            // The edge of the loop. A second try could add what was deleted meanwhile.
            _lost.Add(batch.Count, new KeyValuePair<string, object?>("reason", "store"));
            if (_pause.IsOver())
            {
                LogNotWritten(_logger, e, batch.Count);
            }
        }
    }

    [LoggerMessage(142, LogLevel.Warning, "The index of histories could not be read: a history that was sent again " +
        "counts as unknown.")]
    private static partial void LogNotRead(ILogger logger, Exception e);

    [LoggerMessage(143, LogLevel.Warning, "The index of histories did not take {Count} ends of turns: histories that " +
        "continue them begin new conversations.")]
    private static partial void LogNotWritten(ILogger logger, Exception e, int count);
}
