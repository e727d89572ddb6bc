namespace Evergrain.Conversations.Hosts;

/// <summary>
/// Tells the host of a process that its journal was away and is back. It may be another server by now, with a copy that
/// lacks what the first one had acknowledged.
/// </summary>
public sealed class JournalReturns
{
    /// <summary>Conversations that are compared with their journal at a time.</summary>
    public const int ComparedMax = 4;

    private readonly SemaphoreSlim _returned = new(0, 1);

    /// <summary>It is back.</summary>
    public void Returned()
    {
        try
        {
            _returned.Release();
        }
        catch (SemaphoreFullException)
        {
            // The host has not looked since the last time.
        }
    }

    /// <summary>Compares whenever the journal is back, until cancelled. A process has one host that does.</summary>
    /// <param name="warm">The conversations that are warm now.</param>
    /// <param name="compare">Compares one of them with its journal.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task WatchAsync<T>(
        Func<IEnumerable<T>> warm, Func<T, Task> compare, CancellationToken cancellationToken)
    {
        var bound = new ParallelOptions { MaxDegreeOfParallelism = ComparedMax, CancellationToken = cancellationToken };
        try
        {
            while (true)
            {
                await _returned.WaitAsync(cancellationToken);
                await Parallel.ForEachAsync(warm(), bound, async (one, _) => await compare(one));
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The host stops.
        }
    }
}
