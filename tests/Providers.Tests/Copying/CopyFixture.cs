using System.Text;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Conversations.Turns;
using Evergrain.Providers.Copying;
using Evergrain.Providers.Journals;
using Evergrain.Providers.Sqlite;
using Evergrain.Providers.Tests.Journals;
using Microsoft.Data.Sqlite;

namespace Evergrain.Providers.Tests.Copying;

/// <summary>Journals in directories of one test: one to be copied, and what becomes of it.</summary>
public abstract class CopyFixture : IDisposable
{
    /// <summary>Two tenants have them by turns.</summary>
    protected const int Conversations = 60;

    private readonly TemporaryDirectory _folder = new();
    private readonly CancellationTokenSource _timeout = new(TimeSpan.FromMinutes(10));

    protected static TenantReport Report { get; } = new(7, 3, new TurnCounts(1, 2, 3, 4, 5, 60, 7, 8));

    protected CancellationToken Token => _timeout.Token;

    protected string Source => _folder.File("source");

    public void Dispose()
    {
        _timeout.Dispose();
        _folder.Dispose();
        GC.SuppressFinalize(this);
    }

    protected static ConversationKey KeyOf(int number) => new(number % 3 == 0 ? "one" : "two",
        new ConversationId(((UInt128)(ulong)(number * 7919 % 1009) << 90) + (UInt128)number));

    /// <summary>Records that the conversation's log may hold, of some size.</summary>
    protected static ReadOnlyMemory<byte> Append(ConversationKey key, long position, int bytes) => RecordFrames.Write(
        [new InputHeld(Encoding.UTF8.GetBytes($"\"{key.Id} {position} {new string('x', bytes)}\""))],
        new RecordOwner(key));

    protected string PathOf(string name) => _folder.File(name);

    /// <summary>Makes the source: logs of 1 to 7 appends, one of 700, one with an append of 3 MiB.</summary>
    protected async Task FillAsync()
    {
        await using var journal = await OpenAsync(Source);
        for (var number = 0; number < Conversations; number++)
        {
            var count = number == 11 ? 700 : 1 + (number % 7);
            await AppendAsync(journal, KeyOf(number), count, number == 17 ? 3 << 20 : 300 * (number % 5));
        }

        // Deleted ones are no part of a copy.
        await AppendAsync(journal, KeyOf(Conversations), 2, 100);
        await journal.DeleteAsync(KeyOf(Conversations), new JournalEnd(2, WriterOf(1)), Token);
        await journal.AddAsync("one", Report, Token);
    }

    protected Task<SqliteJournal> OpenAsync(string directory) =>
        SqliteJournal.OpenAsync(new SqliteJournalOptions { Directory = directory }, Token);

    internal async Task<ICopyTarget> OpenTargetAsync(string directory, int pagesMax = 0) =>
        await SqliteJournal.OpenAsync(new SqliteJournalOptions
        {
            Directory = directory,
            IsCopyTarget = true,
            PageCountMax = pagesMax,
        }, Token);

    /// <summary>Copies the source, and closes both.</summary>
    internal async Task<CopyTally> CopyAsync(ICopyTarget target)
    {
        await using var held = (IAsyncDisposable)target;
        await using var source = SqliteCopySource.Open(Source);
        var tally = new CopyTally();
        await new JournalCopy(new CopiedJournals(source, target), tally).RunAsync(Token);
        return tally;
    }

    /// <summary>Begins to copy the source to a store that breaks; gives how many appends were written.</summary>
    internal async Task<long> BreakAsync(ICopyTarget target, int appendsMax)
    {
        await using var held = (IAsyncDisposable)target;
        await using var source = SqliteCopySource.Open(Source);
        var tally = new CopyTally();
        var copy = new JournalCopy(new CopiedJournals(source, new BreakingTarget(target, appendsMax)), tally);
        var failure = await Assert.ThrowsAsync<JournalUnavailableException>(() => copy.RunAsync(Token));
        Assert.Equal("The store broke.", failure.Message);
        return tally.Appends;
    }

    /// <summary>All that a journal has, in the order of its lists.</summary>
    protected async Task<IReadOnlyList<string>> ReadAsync(IJournal journal)
    {
        var said = new List<string>();
        var before = long.MaxValue;
        for (JournalListing? page = null; page is null or { Found.Count: > 0 };)
        {
            page = await journal.ListNewestAsync(["one", "two"], before, 100, Token);
            foreach (var listed in page.Found)
            {
                before = listed.Number;
                said.Add($"{listed.Key} {listed.FirstTail.Length}");
                await foreach (var entry in journal.ReadAsync(listed.Key, JournalEnd.None, Token))
                {
                    said.Add($"{entry.Position} {entry.Writer} {Crc32C.Compute(entry.Records.Span)}");
                }
            }
        }

        foreach (var tenant in (string[])["one", "two"])
        {
            said.Add($"{tenant} {await ((ITenantTotals)journal).GetAsync(tenant, Token)}");
        }

        return said;
    }

    protected async Task<IReadOnlyList<string>> ReadAsync(string directory)
    {
        await using var journal = await OpenAsync(directory);
        return await ReadAsync(journal);
    }

    /// <summary>Changes the source's tables as no server would.</summary>
    protected long Change(string sql, string? directory = null)
    {
        using var connection = new SqliteConnection(
            $"Data Source={Path.Combine(directory ?? Source, "evergrain.db")};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteNonQuery();
    }

    /// <summary>The conversation's number in the source, as SQL.</summary>
    protected static string NumberOf(ConversationKey key) => "(SELECT number FROM conversations WHERE id = " +
        $"x'{key.Id.Value:x32}')";

    protected async Task AppendAsync(IJournal journal, ConversationKey key, int count, int bytes)
    {
        var end = JournalEnd.None;
        for (var position = 0; position < count; position++)
        {
            await journal.AppendAsync(key, end, WriterOf(position), Append(key, position, bytes), Token);
            end = new JournalEnd(position + 1, WriterOf(position));
        }
    }

    private static ulong WriterOf(int position) => ulong.MaxValue - (ulong)(position / 2);

    /// <summary>A target whose store fails after some appends.</summary>
    private sealed class BreakingTarget(ICopyTarget inner, int appendsMax) : ICopyTarget
    {
        private int _appends;

        public async ValueTask AppendAsync(ConversationKey key, JournalEnd end, ulong writer,
            ReadOnlyMemory<byte> records, CancellationToken cancellationToken)
        {
            if (Interlocked.Increment(ref _appends) > appendsMax)
            {
                throw new JournalUnavailableException("The store broke.");
            }

            await inner.AppendAsync(key, end, writer, records, cancellationToken);
        }

        public ValueTask DeleteAsync(ConversationKey key, JournalEnd end, CancellationToken cancellationToken) =>
            inner.DeleteAsync(key, end, cancellationToken);

        public Task EndCopyAsync(IReadOnlyList<TenantTotal> totals, CancellationToken cancellationToken) =>
            inner.EndCopyAsync(totals, cancellationToken);

        public Task<RosterPage> ReadRosterAsync(long behind, CancellationToken cancellationToken) =>
            inner.ReadRosterAsync(behind, cancellationToken);

        public IAsyncEnumerable<JournalEntry> ReadAsync(
            ConversationKey key, JournalEnd from, CancellationToken cancellationToken) =>
            inner.ReadAsync(key, from, cancellationToken);
    }
}
