using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Evergrain.Grains.Moving;

/// <summary>
/// Empties this silo before it stops, and before the web server does: other silos are told, conversations at rest move
/// to them warm, those with a running turn when it has ended. Late in the drain no turn begins here, so that a
/// conversation whose turns overlap comes to rest. What still runs when the time is over ends as interrupted. What has
/// not moved is read from the journal where it is asked for next.
/// </summary>
internal sealed partial class ConversationDrain(WarmConversations warm, ConversationMoves moves, ClusterLoads loads,
    LoadExchange exchange, DrainBounds bounds) : IHostedLifecycleService
{
    // What ends at the deadline is written down and moves: a moment, unless the journal or a silo hangs.
    private static readonly TimeSpan LastTime = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan AnswerTime = TimeSpan.FromMilliseconds(250);

    /// <inheritdoc/>
    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            // Killed: others find out.
            return;
        }

        var begun = bounds.Time.GetTimestamp();
        LogBegun(bounds.Logger, warm.Count);
        await loads.DrainAsync();
        await exchange.RunAsync(cancellationToken);
        if (bounds.DrainTimeout > TimeSpan.Zero)
        {
            moves.Follow(new MovePlan(() => loads.Emptiest, leavesNothing: true));
            await using var closing = bounds.Time.CreateTimer(
                _ => moves.BeginToClose(), null, bounds.DrainTimeout - bounds.LastTurnTime, Timeout.InfiniteTimeSpan);
            await WithinAsync(EmptyAsync, bounds.DrainTimeout, cancellationToken);
        }

        moves.Close();
        var running = warm.All.Where(static conversation => !conversation.IsAtRest).ToList();
        await WithinAsync(token => EndAsync(running, token), LastTime, cancellationToken);
        if (loads.Emptiest is null && !cancellationToken.IsCancellationRequested)
        {
            // Nobody answers readers after this silo, and Orleans does not tell when an answer has left. So the
            // connections stay for a moment, by the clock of the system as they do.
            await Task.Delay(AnswerTime, TimeProvider.System, CancellationToken.None);
        }

        LogEnded(bounds.Logger, bounds.Time.GetElapsedTime(begun), running.Count, warm.Count);
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>
    /// Ends when nothing is warm here any more; or, where no other silo takes conversations, when nothing runs or is
    /// read.
    /// </summary>
    private async Task EmptyAsync(CancellationToken cancellationToken)
    {
        while (warm.Count > 0 && (loads.Emptiest is not null || warm.All.Any(IsNeeded)))
        {
            await AskAsync(cancellationToken);
            if (warm.Count > 0)
            {
                await warm.WaitForChangeAsync(cancellationToken);
            }
        }
    }

    // The hottest first: they are the next to be asked for.
    private Task AskAsync(CancellationToken cancellationToken) => moves.AskAsync(
        warm.All.Where(static one => one.IsAtRest).OrderByDescending(static one => one.LastUsed).ToList(),
        cancellationToken);

    private async Task EndAsync(List<WarmConversation> running, CancellationToken cancellationToken)
    {
        await Task.WhenAll(running.Select(static one => one.InterruptAsync())).WaitAsync(cancellationToken);
        await AskAsync(cancellationToken);
        await moves.EndedAsync().WaitAsync(cancellationToken);
        while (bounds.DrainTimeout > TimeSpan.Zero && loads.Emptiest is null && warm.All.Any(IsNeeded))
        {
            await warm.WaitForChangeAsync(cancellationToken);
        }
    }

    private static bool IsNeeded(WarmConversation one) => !one.IsAtRest || one.IsRead;

    private async Task WithinAsync(Func<CancellationToken, Task> work, TimeSpan time,
        CancellationToken cancellationToken)
    {
        using var late = new CancellationTokenSource(time, bounds.Time);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken);
        try
        {
            await work(ended.Token);
        }
        catch (OperationCanceledException) when (ended.IsCancellationRequested)
        {
            // What is left is ended or left behind.
        }
    }

    [LoggerMessage(421, LogLevel.Information, "This silo drains {Conversations} warm conversations.")]
    private static partial void LogBegun(ILogger logger, int conversations);

    [LoggerMessage(422, LogLevel.Information,
        "Drained after {Time}: {Interrupted} conversations were interrupted, {Left} are left to the journal.")]
    private static partial void LogEnded(ILogger logger, TimeSpan time, int interrupted, int left);
}

/// <summary>How long a drain may take, and by which clock.</summary>
/// <param name="DrainTimeout">How long running turns get.</param>
/// <param name="LastTurnTime">How much of that is left when the last turns may begin.</param>
/// <param name="Time">The clock.</param>
/// <param name="Logger">Hears of the drain.</param>
internal sealed record DrainBounds(
    TimeSpan DrainTimeout, TimeSpan LastTurnTime, TimeProvider Time, ILogger<ConversationDrain> Logger);
