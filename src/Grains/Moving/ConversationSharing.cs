using Evergrain.Conversations.Ports;
using Microsoft.Extensions.Hosting;

namespace Evergrain.Grains.Moving;

/// <summary>
/// Tells other silos this one's load every few seconds and whenever the cluster changes, and gives conversations to
/// those that hold clearly less than their share: a silo that has just joined.
/// </summary>
internal sealed class ConversationSharing(WarmConversations warm, ConversationMoves moves, ClusterLoads loads,
    LoadExchange exchange, ShareBounds bounds) : BackgroundService
{
    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var changes = exchange.Changes.GetAsyncEnumerator(stoppingToken);
        var change = changes.MoveNextAsync().AsTask();
        try
        {
            while (true)
            {
                await RunRoundAsync(stoppingToken);
                if (await IsDueAsync(change, stoppingToken))
                {
                    continue;
                }

                if (!await change)
                {
                    return;
                }

                change = changes.MoveNextAsync().AsTask();
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The silo has stopped.
        }
        finally
        {
            await ((Task)change).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await changes.DisposeAsync();
        }
    }

    /// <summary>Waits for the next round; false: the cluster has changed before.</summary>
    private async Task<bool> IsDueAsync(Task<bool> change, CancellationToken stoppingToken)
    {
        using var waiting = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        await Task.WhenAny(change, Task.Delay(bounds.Interval, bounds.Time, waiting.Token));
        await waiting.CancelAsync();
        stoppingToken.ThrowIfCancellationRequested();
        return !change.IsCompleted;
    }

    /// <summary>
    /// A silo reads the counts when what it moved has arrived, and shares when all counts are there. A silo that knew
    /// half of a cluster would give the others twice what they lack.
    /// </summary>
    private async Task RunRoundAsync(CancellationToken cancellationToken)
    {
        moves.Follow(null);
        var hasArrived = await HasArrivedAsync(cancellationToken);
        if (await exchange.RunAsync(cancellationToken) && hasArrived && !loads.IsDraining)
        {
            await ShareAsync(cancellationToken);
        }
    }

    private async Task<bool> HasArrivedAsync(CancellationToken cancellationToken)
    {
        try
        {
            await moves.EndedAsync().WaitAsync(bounds.MoveTime, bounds.Time, cancellationToken);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    // At most until the next round: then it is computed anew from what has moved.
    private async Task ShareAsync(CancellationToken cancellationToken)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, loads.Drains);
        using var late = new CancellationTokenSource(bounds.MoveTime, bounds.Time);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(over.Token, late.Token);
        try
        {
            moves.Follow(Plan());
            if (moves.IsOn)
            {
                // Those that were not asked for the longest: they are the least likely to be asked for as they move.
                await moves.AskAsync(
                    warm.All.Where(static one => one.IsAtRest).OrderBy(static one => one.LastUsed).ToList(),
                    ended.Token);
            }
        }
        catch (OperationCanceledException) when (ended.IsCancellationRequested)
        {
            // The next round goes on, or the drain does.
        }
    }

    private MovePlan? Plan()
    {
        var others = loads.Takers;
        var give = FairShare.ToGive(
            warm.Count, [.. others.Select(static silo => silo.Value.Conversations)], bounds.Chance);
        return give.Sum() == 0
            ? null
            : new MovePlan(Next, leavesNothing: false);

        SiloAddress? Next()
        {
            var most = Array.IndexOf(give, give.Max());
            if (give[most] == 0)
            {
                return null;
            }

            give[most]--;
            return others[most].Key;
        }
    }
}

/// <summary>How often silos look at their shares, by which clock, and whose chance rounds them.</summary>
internal sealed record ShareBounds(TimeSpan Interval, TimeProvider Time, IIdSource Chance)
{
    /// <summary>How long a round moves conversations, and waits for those of the round before.</summary>
    public TimeSpan MoveTime => Interval * 0.8;
}
