namespace Evergrain.Providers.Journals;

/// <summary>Lets a bounded number of reads run at a time, and none once the journal closes.</summary>
internal sealed class ReadGate(int readersMax)
{
    private readonly SemaphoreSlim _free = new(readersMax);
    private volatile bool _closed;

    /// <summary>Runs a read when there is room.</summary>
    /// <exception cref="ObjectDisposedException">The journal is closed.</exception>
    public async Task<T> RunAsync<T>(Func<Task<T>> read, CancellationToken cancellationToken)
    {
        await _free.WaitAsync(cancellationToken);
        try
        {
            return _closed ? throw new ObjectDisposedException("The journal is closed.", innerException: null)
                : await read();
        }
        finally
        {
            _free.Release();
        }
    }

    /// <summary>Ends when no read is under way.</summary>
    public async Task CloseAsync()
    {
        _closed = true;
        for (var i = 0; i < readersMax; i++)
        {
            await _free.WaitAsync(CancellationToken.None);
        }

        // Whoever still waits learns that the journal is closed.
        _free.Release(readersMax);
    }
}
