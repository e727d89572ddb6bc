using Microsoft.Extensions.Hosting;

namespace Evergrain.Grains.Moving;

/// <summary>
/// Keeps what is warm in this silo within its bytes: over them the conversations that were not asked for the longest
/// go, if the journal has all they hold. Orleans' own shedding under memory pressure is not for them: it takes what has
/// no call under way, and a turn runs between calls.
/// </summary>
internal sealed class WarmBudget(WarmConversations warm, WarmBudgetBounds bounds) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, bounds.Time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await ShedAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The silo stops.
        }
    }

    private async Task ShedAsync(CancellationToken cancellationToken)
    {
        var bytesMax = bounds.BytesMax();
        if (warm.Bytes <= bytesMax)
        {
            return;
        }

        var left = warm.Bytes;
        foreach (var conversation in warm.All.Where(static one => one is { IsAtRest: true, IsRead: false })
            .OrderBy(static one => one.LastUsed).ToList())
        {
            if (left <= bytesMax)
            {
                return;
            }

            // What is held unstored is at rest too, and stays: others go for it.
            if (await conversation.LeaveIfIdleAsync().WaitAsync(cancellationToken))
            {
                left -= conversation.Bytes;
            }
        }
    }
}

/// <summary>How much may be warm, and by which clock it is looked at.</summary>
internal sealed record WarmBudgetBounds(Func<long> BytesMax, TimeProvider Time);
