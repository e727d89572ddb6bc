using Evergrain.Conversations.Ports;
using Evergrain.Providers.Journals;
using Microsoft.Data.Sqlite;

namespace Evergrain.Providers.Sqlite;

/// <summary>
/// The ages of conversations in a data directory, also while a server runs on it. One caller at a time uses it, and
/// nothing changes.
/// </summary>
internal sealed class SqliteLifetimeReader : ILifetimeReader, IDisposable
{
    private readonly string _file;
    private readonly JournalReader _reader;

    private SqliteLifetimeReader(string file) =>
        (_file, _reader) = (file, new JournalReader(file, new HiddenConversations()));

    /// <summary>Opens it; null: there is no journal.</summary>
    /// <exception cref="JournalUnavailableException">It cannot be read.</exception>
    public static SqliteLifetimeReader? Open(string directory)
    {
        var file = DataDirectory.DatabaseFileIn(directory);
        try
        {
            return File.Exists(file) ? new SqliteLifetimeReader(file) : null;
        }
        catch (SqliteException e)
        {
            throw StoppedJournal.Unreadable(e, file);
        }
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<string>> ListTenantsAsync(int limit, CancellationToken cancellationToken) =>
        Read(reader => reader.ListTenants(limit), cancellationToken);

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<NumberedConversation>> ListOldestAsync(
        string tenant, long behind, int limit, CancellationToken cancellationToken) =>
        Read(reader => reader.ListOldest(tenant, behind, limit), cancellationToken);

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<AgedConversation>> ReadAgesAsync(
        IReadOnlyList<NumberedConversation> some, CancellationToken cancellationToken) =>
        Read(reader => reader.ReadAges(some), cancellationToken);

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<KeptLifetime>> ReadLifetimesAsync(CancellationToken cancellationToken) =>
        Read(static reader => reader.ReadLifetimes(), cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => _reader.Dispose();

    private ValueTask<T> Read<T>(Func<JournalReader, T> read, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            return ValueTask.FromResult(read(_reader));
        }
        catch (SqliteException e)
        {
            throw StoppedJournal.Unreadable(e, _file);
        }
    }
}
