using System.Globalization;
using Evergrain.Providers.Sqlite;

namespace Evergrain.Journals.Stores;

/// <summary>A SQLite journal in a directory of its own, deleted at the end.</summary>
internal sealed class SqliteStore : Store
{
    // The writer counts an append's share after it has answered; then it does nothing until the next.
    private static readonly TimeSpan SettleTime = TimeSpan.FromMilliseconds(10);

    private readonly SqliteJournal _journal;

    private SqliteStore(SqliteJournal journal, string folder)
        : base("SQLite", journal) => (_journal, Folder) = (journal, folder);

    /// <summary>The data directory.</summary>
    public string Folder { get; }

    public override string WrittenMeans => "bytes of write-ahead log";

    public static async Task<SqliteStore> OpenAsync(string parent, CancellationToken cancellationToken)
    {
        var folder = Path.Combine(parent, $"journals-sqlite-{Environment.ProcessId}");
        return new SqliteStore(await OpenJournalAsync(folder, cancellationToken), folder);
    }

    /// <summary>Opens the journal of a directory as the server does.</summary>
    public static Task<SqliteJournal> OpenJournalAsync(string folder, CancellationToken cancellationToken) =>
        SqliteJournal.OpenAsync(new SqliteJournalOptions { Directory = folder }, cancellationToken);

    public override async ValueTask<Sums> SumsAsync(CancellationToken cancellationToken)
    {
        await Task.Delay(SettleTime, TimeProvider.System, cancellationToken);
        var counters = _journal.Counters;
        return new Sums(counters.LogBytes, DiskBytes(), counters.Transactions);
    }

    /// <summary>Each transaction is one; checkpoints sync as well, some times in a thousand.</summary>
    public override ValueTask<double> SyncsAsync(CancellationToken cancellationToken) =>
        new(_journal.Counters.Transactions);

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        Directory.Delete(Folder, recursive: true);
    }

    private static double DiskBytes()
    {
        const string name = "write_bytes: ";
        var line = File.ReadLines("/proc/self/io").First(line => line.StartsWith(name, StringComparison.Ordinal));
        return double.Parse(line[name.Length..], CultureInfo.InvariantCulture);
    }
}
