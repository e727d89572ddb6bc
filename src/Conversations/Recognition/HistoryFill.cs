using System.Diagnostics.Metrics;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Microsoft.Extensions.Logging;

namespace Evergrain.Conversations.Recognition;

/// <summary>
/// Indexes the conversations that a journal held before there was an index: beside its work, the newest first, until
/// each tenant has as many entries as it may have. It goes on after a restart where it stopped.
/// </summary>
public sealed partial class HistoryFill : IAsyncDisposable
{
    // One transaction of the index: some milliseconds.
    private const int PageMax = 16;

    private const int TenantsMax = 100_000;

    // What reading a conversation costs beside its bytes.
    private const int ConversationBytes = 4 << 10;

    // 86 GB a day. A journal of 1 GB is read in a quarter of an hour.
    private const long BytesPerSecond = 1 << 20;

    // After the store could not be read, and while another process fills a tenant.
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);

    private readonly IJournal _journal;
    private readonly IHistoryStore _store;
    private readonly RecognitionOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ulong _process = new RandomIdSource().Next64();
    private readonly Counter<long> _filled;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _running;
    private long _owed;

    /// <summary>Begins.</summary>
    /// <param name="sources">What is read, and where its index is.</param>
    /// <param name="options">For whom, and how much.</param>
    /// <param name="meters">Makes the meter <c>Evergrain</c> of its instruments.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Is told when it ends, and of failures.</param>
    public HistoryFill((IJournal Journal, IHistoryStore Store) sources, RecognitionOptions options,
        IMeterFactory meters, TimeProvider time, ILogger<HistoryFill> logger)
    {
        ArgumentNullException.ThrowIfNull(meters);
        (_journal, _store) = sources;
        (_options, _time, _logger) = (options, time, logger);
        _filled = meters.Create("Evergrain").CreateCounter<long>("evergrain.histories.filled", "{conversation}",
            "Conversations of before that were indexed in the background.");
        _running = Task.Run(RunAsync);
    }

    /// <summary>Ends when all is indexed, or it was disposed.</summary>
    internal Task Done => _running;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _running;
        _stopping.Dispose();
    }

    private async Task RunAsync()
    {
        var conversations = 0L;
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                var isDone = true;
                var tenants = await _journal.ListTenantsAsync(TenantsMax, _stopping.Token);
                foreach (var tenant in tenants.Where(_options.IsOnFor))
                {
                    var (count, isOver) = await FillAsync(tenant);
                    (conversations, isDone) = (conversations + count, isDone && isOver);
                }

                if (isDone)
                {
                    LogDone(_logger, conversations);
                    return;
                }
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // The edge of the loop: it goes on where it was.
                LogFailed(_logger, e);
            }

            await Task.Delay(Pause, _time, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Indexes a tenant's conversations from where it was on.</summary>
    /// <returns>How many, and whether none is left for anyone.</returns>
    private async Task<(long Count, bool IsOver)> FillAsync(string tenant)
    {
        for (var count = 0L; ; )
        {
            if (await _store.ClaimAsync(tenant, _process, _stopping.Token) is not { } before)
            {
                // Another process does it. It may die: this one looks again.
                return (count, IsOver: false);
            }

            if (before == 0)
            {
                return (count, IsOver: true);
            }

            var found = (await _journal.ListNewestAsync([tenant], before, PageMax, _stopping.Token)).Found;
            var older = new List<OlderHistories>();
            foreach (var listed in found)
            {
                if (await ScanAsync(listed.Key) is { } scanned)
                {
                    older.Add(scanned);
                }
            }

            var page = new OlderPage(tenant, older, found.Count == 0 ? 0 : found[^1].Number);
            await _store.AddOlderAsync(page, _options.RecognitionEntriesMax, _stopping.Token);
            count += found.Count;
            _filled.Add(found.Count);
        }
    }

    private async Task<OlderHistories?> ScanAsync(ConversationKey key)
    {
        var scan = new HistoryScan(key);
        try
        {
            await foreach (var entry in _journal.ReadAsync(key, JournalEnd.None, _stopping.Token))
            {
                scan.Take(entry);
                await SpendAsync(entry.Records.Length);
            }
        }
        catch (JournalCorruptException)
        {
            // Whoever opens the conversation is told, and so is the journal's check.
            return null;
        }

        await SpendAsync(ConversationBytes);
        return new OlderHistories(key, scan.End, scan.Entries());
    }

    private async ValueTask SpendAsync(long bytes)
    {
        _owed += bytes;
        if (_owed >= BytesPerSecond / 4)
        {
            var rest = TimeSpan.FromSeconds((double)_owed / BytesPerSecond);
            _owed = 0;
            await Task.Delay(rest, _time, _stopping.Token);
        }
    }

    [LoggerMessage(144, LogLevel.Information, "Histories of the whole journal are recognised now: {Conversations} " +
        "conversations of before were indexed.")]
    private static partial void LogDone(ILogger logger, long conversations);

    [LoggerMessage(145, LogLevel.Warning, "Conversations of before could not be indexed: they are tried again.")]
    private static partial void LogFailed(ILogger logger, Exception e);
}
