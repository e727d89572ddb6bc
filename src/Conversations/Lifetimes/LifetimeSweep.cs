using System.Diagnostics.Metrics;
using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Microsoft.Extensions.Logging;

namespace Evergrain.Conversations.Lifetimes;

/// <summary>
/// Deletes conversations whose last turn is older than their tenant's lifetime: beside the work of the process, the
/// oldest created first. One that is warm takes its own turns away; so none goes while a turn of it runs.
/// </summary>
/// <remarks>
/// The time of the last turn stands in the log, so nothing else can be out of date, and a turn costs nothing more. A
/// log is deleted only if it still ends where it was read. So two processes that sweep at a time do each other no harm.
/// </remarks>
public sealed partial class LifetimeSweep : IAsyncDisposable
{
    // Conversations of a page of the index.
    private const int PageMax = 128;

    // Conversations whose ends are read at once, with 4 KiB of each at most.
    private const int EndsMax = 64;

    // Conversations that are removed at once. In Azure Storage each takes a request after another.
    private const int RemovalsMax = 8;

    private const int TenantsMax = 100_000;

    // Some 5 MB. What is beyond that is read again by each sweep.
    private const int KnownMax = 100_000;

    // A lifetime is over at most this share of it late, and at most an hour.
    private const int SweepsPerLifetime = 24;
    private static readonly TimeSpan IntervalMin = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan IntervalMax = TimeSpan.FromHours(1);

    private readonly LifetimeSources _sources;
    private readonly ResponseLifetimes _lifetimes;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Counter<long> _removed;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _running;

    // The last turn of conversations that were looked at and stay, by their numbers. Their last turn never gets older.
    private Dictionary<long, long> _known = [];

    /// <summary>Begins. The lifetimes count already.</summary>
    /// <param name="sources">What is read, and where it is deleted.</param>
    /// <param name="lifetimes">How long responses are kept.</param>
    /// <param name="meters">Makes the meter <c>Evergrain</c> of its instruments.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Is told what was removed, and of failures.</param>
    public LifetimeSweep(LifetimeSources sources, ResponseLifetimes lifetimes, IMeterFactory meters,
        TimeProvider time, ILogger<LifetimeSweep> logger)
    {
        ArgumentNullException.ThrowIfNull(meters);
        (_sources, _lifetimes, _time, _logger) = (sources, lifetimes, time, logger);
        _removed = meters.Create("Evergrain").CreateCounter<long>("evergrain.conversations.expired", "{conversation}",
            "Conversations that were removed since their lifetime was over.");
        _running = Task.Run(RunAsync);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _running;
        _stopping.Dispose();
    }

    /// <summary>Sweeps once.</summary>
    /// <returns>How many conversations were removed.</returns>
    internal async Task<long> SweepAsync(CancellationToken cancellationToken)
    {
        var tally = new Tally();
        foreach (var tenant in await _sources.Journal.ListTenantsAsync(TenantsMax, cancellationToken))
        {
            if (_lifetimes.CutoffOf(tenant, _time.GetUtcNow()) is { } endedBy)
            {
                await SweepAsync(tenant, endedBy, tally, cancellationToken);
            }
        }

        _known = tally.Known;
        if (tally.Removed > 0)
        {
            LogRemoved(_logger, tally.Removed);
        }

        if (tally.Failure is { } failure)
        {
            LogLeft(_logger, failure, tally.Left);
        }

        return tally.Removed;
    }

    private async Task RunAsync()
    {
        try
        {
            foreach (var rule in _sources.Begun)
            {
                var forecast = await LifetimeForecast.MakeAsync(
                    _sources.Store, _lifetimes, rule, _time.GetUtcNow(), _stopping.Token);
                LogBegun(_logger, forecast.Owner, rule.Lifetime, forecast.Count, forecast.Time);
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            return;
        }
        catch (Exception e)
        {
            LogNotCounted(_logger, e);
        }

        await SweepOnAsync();
    }

    private async Task SweepOnAsync()
    {
        // The first sweep comes soon: a process that lives shorter than an interval would never sweep.
        var interval = IntervalMin;
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                await Task.Delay(interval, _time, _stopping.Token);
                var ticks = _lifetimes.Rules.Min(static rule => rule.Lifetime).Ticks / SweepsPerLifetime;
                interval = new TimeSpan(Math.Clamp(ticks, IntervalMin.Ticks, IntervalMax.Ticks));
                if (_sources.Warm.IsSweeper())
                {
                    await SweepAsync(_stopping.Token);
                }
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // The edge of the loop: the next sweep goes on.
                LogFailed(_logger, e);
            }
        }
    }

    private async Task SweepAsync(string tenant, long endedBy, Tally tally, CancellationToken cancellationToken)
    {
        for (var behind = 0L; ;)
        {
            var page = await _sources.Store.ListOldestAsync(tenant, behind, PageMax, cancellationToken);
            foreach (var some in page.Where(one => MayBeOver(one, endedBy, tally)).ToList().Chunk(EndsMax))
            {
                await LookAsync(some, endedBy, tally, cancellationToken);
            }

            if (page.Count < PageMax || await IsYoungAsync(page[^1], endedBy, cancellationToken))
            {
                return;
            }

            behind = page[^1].Number;
        }
    }

    /// <summary>Whether a conversation must be looked at: neither its begin nor an earlier look is too late.</summary>
    private bool MayBeOver(NumberedConversation one, long endedBy, Tally tally)
    {
        if (_known.TryGetValue(one.Number, out var lastAt) && lastAt > endedBy)
        {
            tally.Stays(one.Number, lastAt);
            return false;
        }

        return one.BegunAt is not { } begunAt || begunAt <= endedBy;
    }

    /// <summary>Whether a conversation, and so what follows, was created too late to have expired.</summary>
    private async Task<bool> IsYoungAsync(
        NumberedConversation last, long endedBy, CancellationToken cancellationToken)
    {
        if (last.BegunAt is { } begunAt)
        {
            return begunAt > endedBy;
        }

        var listed = await _sources.Journal.ListNewestAsync(
            [last.Key.Tenant], last.Number + 1, limit: 1, cancellationToken);
        return listed.Found is [var one] && FirstAppend.TimeOf(one.FirstTail, one.Key) > endedBy;
    }

    private async Task LookAsync(
        NumberedConversation[] some, long endedBy, Tally tally, CancellationToken cancellationToken)
    {
        // Half of the time belongs to others.
        await Task.Delay(tally.Busy, _time, cancellationToken);
        var begun = _time.GetTimestamp();
        var bounds = new ParallelOptions
        {
            MaxDegreeOfParallelism = RemovalsMax,
            CancellationToken = cancellationToken,
        };
        await Parallel.ForEachAsync(await _sources.Store.ReadAgesAsync(some, cancellationToken), bounds,
            async (aged, token) => await LookAsync(aged, endedBy, tally, token));
        tally.Busy = _time.GetElapsedTime(begun);
    }

    private async Task LookAsync(
        AgedConversation aged, long endedBy, Tally tally, CancellationToken cancellationToken)
    {
        try
        {
            if (await LastTurn.ReadAsync(_sources.Journal, aged, cancellationToken) is not { } last)
            {
                return;
            }

            if (last.At > endedBy)
            {
                tally.Stays(aged.Number, last.At);
            }
            else if (await RemoveAsync(aged.Key, last.End, endedBy, cancellationToken))
            {
                tally.Goes();
                _removed.Add(1);
            }
        }
        catch (PositionTakenException)
        {
            // It went on meanwhile.
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            // One that is damaged, or whose silo does not answer, holds up no other.
            tally.IsLeft(e);
        }
    }

    private async Task<bool> RemoveAsync(
        ConversationKey key, JournalEnd end, long endedBy, CancellationToken cancellationToken)
    {
        var warm = _sources.Warm.Find(key) is { } calls
            ? await calls.ExpireAsync(endedBy, cancellationToken)
            : Answer.Given(false);
        if (warm is { Kind: AnswerKind.Given, Value: false })
        {
            await _sources.Journal.DeleteAsync(key, end, cancellationToken);
        }

        // One whose activation ends is looked at again.
        return warm.Kind == AnswerKind.Given;
    }

    // A warning, since it is about loss, and nobody may have meant it.
    [LoggerMessage(146, LogLevel.Warning, "Responses of {Owner} are kept for {Lifetime} (ResponseLifetime), counted " +
        "from this start on: {Conversations} will be removed at {Time}, and those with another turn until then later.")]
    private static partial void LogBegun(
        ILogger logger, string owner, TimeSpan lifetime, string conversations, string time);

    [LoggerMessage(150, LogLevel.Warning, "How many conversations ResponseLifetime will remove could not be counted.")]
    private static partial void LogNotCounted(ILogger logger, Exception e);

    [LoggerMessage(147, LogLevel.Information, "{Conversations} conversations were removed: their lifetime was over.")]
    private static partial void LogRemoved(ILogger logger, long conversations);

    [LoggerMessage(148, LogLevel.Warning, "{Conversations} conversations whose lifetime may be over could not be " +
        "removed: they are tried again. The first of them failed so.")]
    private static partial void LogLeft(ILogger logger, Exception e, long conversations);

    [LoggerMessage(149, LogLevel.Warning, "Conversations whose lifetime is over could not be removed: the next sweep " +
        "tries again.")]
    private static partial void LogFailed(ILogger logger, Exception e);

    private sealed class Tally
    {
        private readonly Lock _gate = new();

        public long Removed { get; private set; }

        public long Left { get; private set; }

        public Exception? Failure { get; private set; }

        /// <summary>How long the last look took.</summary>
        public TimeSpan Busy { get; set; }

        public Dictionary<long, long> Known { get; } = [];

        public void Stays(long number, long lastAt)
        {
            lock (_gate)
            {
                if (Known.Count < KnownMax)
                {
                    Known[number] = lastAt;
                }
            }
        }

        public void Goes()
        {
            lock (_gate)
            {
                Removed++;
            }
        }

        public void IsLeft(Exception failure)
        {
            lock (_gate)
            {
                (Left, Failure) = (Left + 1, Failure ?? failure);
            }
        }
    }
}
