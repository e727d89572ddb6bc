using System.Collections.Concurrent;
using Microsoft.Data.Sqlite;

namespace Evergrain.Providers.Sqlite;

/// <summary>A bounded number of reading connections, opened when first needed, used off the caller's thread.</summary>
internal sealed class JournalReaders(string file, int readersMax) : IAsyncDisposable
{
    private readonly SemaphoreSlim _free = new(readersMax);
    private readonly ConcurrentBag<JournalReader> _idle = [];
    private volatile bool _disposed;

    public async Task<T> RunAsync<T>(Func<JournalReader, T> read, CancellationToken cancellationToken)
    {
        await _free.WaitAsync(cancellationToken);
        try
        {
            ObjectDisposedException.ThrowIf(_disposed, typeof(SqliteJournal));
            return await Task.Run(() => Use(read), cancellationToken);
        }
        finally
        {
            _free.Release();
        }
    }

    /// <summary>Waits for the reads under way and closes the connections.</summary>
    public async ValueTask DisposeAsync()
    {
        _disposed = true;
        for (var i = 0; i < readersMax; i++)
        {
            await _free.WaitAsync(CancellationToken.None);
        }

        while (_idle.TryTake(out var reader))
        {
            reader.Dispose();
        }

        // Whoever still waits for a connection learns that there will be none.
        _free.Release(readersMax);
    }

    private T Use<T>(Func<JournalReader, T> read)
    {
        JournalReader? reader = null;
        try
        {
            reader = _idle.TryTake(out var idle) ? idle : new JournalReader(file);
            var result = read(reader);
            _idle.Add(reader);
            return result;
        }
        catch (Exception e)
        {
            // A connection that failed is not used again.
            reader?.Dispose();
            throw e is SqliteException failure ? JournalDatabase.Unavailable(failure, file) : e;
        }
    }
}
