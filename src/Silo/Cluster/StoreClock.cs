using System.Globalization;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Evergrain.Silo.Cluster;

/// <summary>
/// Compares this process's clock with that of the cluster's store. A silo whose clock is far ahead keeps others from
/// joining, since they judge by it who lives.
/// </summary>
/// <param name="store">What the store is, for people.</param>
/// <param name="read">Reads its clock.</param>
/// <param name="time">This process's.</param>
/// <param name="logger">Gets one line when the clock has become wrong, and one when it is right again.</param>
internal sealed partial class StoreClock(
    string store, Func<CancellationToken, Task<DateTimeOffset>> read, TimeProvider time, ILogger<StoreClock> logger)
    : BackgroundService, IHealthRemark
{
    /// <summary>How far a member's clock may be off when it joins.</summary>
    public static readonly TimeSpan JoinDifferenceMax = TimeSpan.FromSeconds(30);

    /// <summary>How often they are compared.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    // Machines that are kept in time differ by milliseconds; a busy one may be slow to read the answer.
    private static readonly TimeSpan SaidDifferenceMin = TimeSpan.FromSeconds(2);

    private volatile string? _remark;

    /// <inheritdoc/>
    public string? Remark => _remark;

    /// <summary>Compares them before this process joins.</summary>
    /// <exception cref="InvalidDataException">This process's clock is too far off.</exception>
    /// <exception cref="JournalUnavailableException">The store's clock cannot be read.</exception>
    public async Task CheckAsync(CancellationToken cancellationToken)
    {
        var ahead = await MeasureAsync(cancellationToken);
        if (ahead.Duration() > JoinDifferenceMax)
        {
            throw new InvalidDataException(Sentence(ahead) + ", and a member of a cluster may differ by " +
                $"{JoinDifferenceMax.TotalSeconds} s: correct the clock, and start again.");
        }

        Say(ahead);
    }

    /// <summary>Compares them while this process serves.</summary>
    /// <exception cref="JournalUnavailableException">The store's clock cannot be read.</exception>
    public async Task CompareAsync(CancellationToken cancellationToken) => Say(await MeasureAsync(cancellationToken));

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await CompareAsync(stoppingToken);
            }
            catch (JournalUnavailableException)
            {
                // Whoever needs the store says so; the next time comes.
            }
        }
    }

    /// <summary>How far this process's clock is certainly ahead; negative: behind.</summary>
    private async Task<TimeSpan> MeasureAsync(CancellationToken cancellationToken)
    {
        var before = time.GetUtcNow();
        var there = await read(cancellationToken);
        var after = time.GetUtcNow();

        // The other clock was read at some moment between the two.
        return there < before ? before - there : there > after ? after - there : TimeSpan.Zero;
    }

    private void Say(TimeSpan ahead)
    {
        var remark = ahead.Duration() < SaidDifferenceMin ? null : Sentence(ahead) + ".";
        if (remark is not null && _remark is null)
        {
            LogWrong(logger, remark);
        }
        else if (remark is null && _remark is not null)
        {
            LogRight(logger, store);
        }

        _remark = remark;
    }

    private string Sentence(TimeSpan ahead) => string.Create(CultureInfo.InvariantCulture,
        $"The clock of this process is {ahead.Duration().TotalSeconds:f0} s {(ahead > TimeSpan.Zero ? "ahead of" :
        "behind")} {store}'s");

    [LoggerMessage(503, LogLevel.Warning, "{Remark} Correct it: members of a cluster judge by it who lives.")]
    private static partial void LogWrong(ILogger logger, string remark);

    [LoggerMessage(504, LogLevel.Warning, "The clock of this process agrees with {Store}'s again.")]
    private static partial void LogRight(ILogger logger, string store);
}
