using System.Collections.Concurrent;
using Evergrain.Providers.Journals;
using Microsoft.Data.Sqlite;

namespace Evergrain.Providers.Sqlite;

/// <summary>A bounded number of reading connections, opened when first needed, used off the caller's thread.</summary>
internal sealed class JournalReaders(JournalStore store, int readersMax) : IAsyncDisposable
{
    private readonly ReadGate _gate = new(readersMax);
    private readonly ConcurrentBag<JournalReader> _idle = [];

    public Task<T> RunAsync<T>(Func<JournalReader, T> read, CancellationToken cancellationToken) =>
        _gate.RunAsync(() => Task.Run(() => Use(read), cancellationToken), cancellationToken);

    /// <summary>Waits for the reads under way and closes the connections.</summary>
    public async ValueTask DisposeAsync()
    {
        await _gate.CloseAsync();
        while (_idle.TryTake(out var reader))
        {
            reader.Dispose();
        }
    }

    // Where the log is gone, SQLite would make another for a new connection, and what the writer still holds would be
    // lost with it.
    private JournalReader Open()
    {
        store.Files.Check();
        return new JournalReader(store.File, store.Hidden);
    }

    private T Use<T>(Func<JournalReader, T> read)
    {
        JournalReader? reader = null;
        try
        {
            reader = _idle.TryTake(out var idle) ? idle : Open();
            var result = read(reader);

            // A connection that was opened just now may have found another file.
            store.Files.Check();
            _idle.Add(reader);
            return result;
        }
        catch (Exception e)
        {
            // A connection that failed is not used again.
            reader?.Dispose();
            store.Files.Check();
            throw e is SqliteException failure ? JournalDatabase.Unavailable(failure, store.File) : e;
        }
    }
}
