namespace Evergrain.Frontend.InProcess;

/// <summary>
/// The line in which starts wait. When thousands come at once they wait here, and not as work of the thread pool, where
/// they would keep everything else waiting: health checks, pings, running turns.
/// </summary>
internal sealed class StartLine
{
    private readonly SemaphoreSlim _places = new(StartsMax, StartsMax);

    // More than the processors can work on, so that one start's wait for the journal keeps none of them idle.
    private static int StartsMax => 4 * Environment.ProcessorCount;

    /// <summary>Ends when there is a place; disposing what it gives makes room for the next.</summary>
    public async ValueTask<Place> EnterAsync(CancellationToken cancellationToken)
    {
        await _places.WaitAsync(cancellationToken);
        return new Place(_places);
    }

    /// <summary>A start that is under way.</summary>
    internal sealed class Place(SemaphoreSlim places) : IDisposable
    {
        public void Dispose() => places.Release();
    }
}
