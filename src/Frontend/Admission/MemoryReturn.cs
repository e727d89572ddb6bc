using Evergrain.Conversations.Holding;
using Microsoft.Extensions.Hosting;

namespace Evergrain.Frontend.Admission;

/// <summary>
/// Gives memory back to the machine when much less is held than was. The collector works when something is allocated,
/// and keeps what it freed for the next time: after a burst a quiet process would stay as large as the burst made it.
/// </summary>
internal sealed class MemoryReturn(ProcessHolding holding, ByteBudget requests, TimeProvider time) : BackgroundService
{
    /// <summary>How much less must be held, in bytes: a smaller gain is not worth a collection.</summary>
    internal const long FallBytesMin = 32L << 20;

    // Compacting more than this would stop the process for long: the heap is only collected beside the load then.
    private const long CompactedBytesMax = 256L << 20;

    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);

    // Pools and connections let go a little later than those who used them, so it collects again.
    private static readonly TimeSpan[] Pauses = [TimeSpan.FromSeconds(6), TimeSpan.FromSeconds(30)];

    // More than a collection beside the load takes.
    private static readonly TimeSpan CollectTime = TimeSpan.FromSeconds(2);

    private long _peak;

    /// <summary>Looks once; says whether much less is held than was since the last time that it said so.</summary>
    internal bool HasFallen()
    {
        var held = holding.Bytes + requests.Held;
        _peak = Math.Max(_peak, held);
        if (_peak - held < FallBytesMin || held > _peak / 2)
        {
            return false;
        }

        _peak = held;
        return true;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true)
            {
                await Task.Delay(LookInterval, time, stoppingToken);
                if (HasFallen())
                {
                    await GiveBackAsync(stoppingToken);
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The server stops.
        }
    }

    private async Task GiveBackAsync(CancellationToken cancellationToken)
    {
        foreach (var pause in Pauses)
        {
            await Task.Delay(pause, time, cancellationToken);
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: false);

            // That says what is alive. Only compacting gives memory back at once.
            await Task.Delay(CollectTime, time, cancellationToken);
            if (GC.GetTotalMemory(forceFullCollection: false) <= CompactedBytesMax)
            {
                GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            }
        }
    }
}
