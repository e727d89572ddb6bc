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
    // Conversations of one statement, with 4 KiB of each at most.
    private const int PageMax = 64;

    private const int TenantsMax = 100_000;

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
        while (!_stopping.IsCancellationRequested)
        {
            var interval = _lifetimes.Rules.Min(static rule => rule.Lifetime).Ticks / SweepsPerLifetime;
            try
            {
                await Task.Delay(new TimeSpan(Math.Clamp(interval, IntervalMin.Ticks, IntervalMax.Ticks)), _time,
                    _stopping.Token);
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
            var begun = _time.GetTimestamp();
            var page = await _sources.Store.ListAgesAsync(tenant, behind, PageMax, cancellationToken);
            foreach (var aged in page)
            {
                await LookAsync(aged, endedBy, tally, cancellationToken);
            }

            if (page.Count < PageMax || await IsYoungAsync(tenant, page[^1].Number, endedBy, cancellationToken))
            {
                return;
            }

            // Half of the time belongs to others.
            behind = page[^1].Number;
            await Task.Delay(_time.GetElapsedTime(begun), _time, cancellationToken);
        }
    }

    /// <summary>Whether what follows a number was created too late to have expired.</summary>
    private async Task<bool> IsYoungAsync(
        string tenant, long number, long endedBy, CancellationToken cancellationToken)
    {
        var listed = await _sources.Journal.ListNewestAsync([tenant], number + 1, limit: 1, cancellationToken);
        return listed.Found is [var one] && FirstAppend.TimeOf(one.FirstTail, one.Key) > endedBy;
    }

    private async Task LookAsync(
        AgedConversation aged, long endedBy, Tally tally, CancellationToken cancellationToken)
    {
        try
        {
            if (await LastTurn.ReadAsync(_sources.Journal, aged, cancellationToken) is { } last &&
                last.At <= endedBy && await RemoveAsync(aged.Key, last.End, endedBy, cancellationToken))
            {
                tally.Removed++;
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
            (tally.Left, tally.Failure) = (tally.Left + 1, tally.Failure ?? e);
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
        public long Removed { get; set; }

        public long Left { get; set; }

        public Exception? Failure { get; set; }
    }
}
