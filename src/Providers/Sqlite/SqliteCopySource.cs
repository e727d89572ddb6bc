using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Providers.Copying;
using Evergrain.Providers.Journals;
using Microsoft.Data.Sqlite;

namespace Evergrain.Providers.Sqlite;

/// <summary>The journal in a data directory, to be copied. One connection reads it, for one caller at a time.</summary>
internal sealed class SqliteCopySource : ICopySource
{
    private readonly StoppedJournal _journal;
    private readonly string _file;
    private readonly SemaphoreSlim _turn = new(1);
    private JournalReader? _reader;

    private SqliteCopySource(StoppedJournal journal, string file) => (_journal, _file) = (journal, file);

    /// <summary>A directory that is held cannot be taken.</summary>
    public Task Lost { get; } = new TaskCompletionSource().Task;

    /// <summary>Opens it, and holds its directory until disposed.</summary>
    /// <exception cref="JournalUnavailableException">
    /// There is none, a server holds it, or it cannot be read.
    /// </exception>
    public static SqliteCopySource Open(string directory) =>
        new(StoppedJournal.Open(directory), DataDirectory.DatabaseFileIn(directory));

    /// <inheritdoc/>
    public Task<int> ReadFormatAsync(CancellationToken cancellationToken)
    {
        var format = (int)_journal.Read(static database =>
            Statement.ExecuteInt64(database, "SELECT max(format) FROM written"));
        return format <= RecordFormat.Newest ? Task.FromResult(format) : throw new JournalUnavailableException(
            $"The journal {_file} holds records of format {format}, this program reads up to {RecordFormat.Newest}: " +
            "copy with the newer build that wrote them.");
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<TenantTotal>> ReadTotalsAsync(CancellationToken cancellationToken) =>
        Task.FromResult(_journal.Read<IReadOnlyList<TenantTotal>>(static database =>
        {
            using var all = new Statement(database, TotalsTable.All(TotalsTable.Name));
            var totals = new List<TenantTotal>();
            while (all.Step())
            {
                totals.Add(TotalsTable.ReadRow(all.Text(0), all.Int64));
            }

            return totals;
        }));

    /// <inheritdoc/>
    public Task<RosterPage> ReadRosterAsync(long behind, CancellationToken cancellationToken) =>
        RunAsync(reader => reader.ReadRoster(behind).Page, cancellationToken);

    /// <inheritdoc/>
    public IAsyncEnumerable<JournalEntry> ReadAsync(
        ConversationKey key, JournalEnd from, CancellationToken cancellationToken) =>
        JournalPage.ReadAllAsync(from, (behind, begunWith, token) =>
            RunAsync(reader => reader.Read(key, behind, begunWith), token), cancellationToken);

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _reader?.Dispose();
        _journal.Dispose();
        _turn.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task<T> RunAsync<T>(Func<JournalReader, T> read, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            return await Task.Run(() => Use(read), cancellationToken);
        }
        finally
        {
            _turn.Release();
        }
    }

    private T Use<T>(Func<JournalReader, T> read)
    {
        try
        {
            return read(_reader ??= new JournalReader(_file, new HiddenConversations()));
        }
        catch (Exception e)
        {
            // A connection that failed is not used again.
            _reader?.Dispose();
            _reader = null;
            throw e is SqliteException ? StoppedJournal.Unreadable(e, _file) : e;
        }
    }
}
