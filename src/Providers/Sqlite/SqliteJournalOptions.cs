using System.ComponentModel.DataAnnotations;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Providers.Journals;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Evergrain.Providers.Sqlite;

/// <summary>Where a <see cref="SqliteJournal"/> lives and the bounds it works in.</summary>
public sealed class SqliteJournalOptions
{
    /// <summary>The data directory; made if it is not there. One process at a time may hold it.</summary>
    [Required]
    public required string Directory { get; init; }

    /// <summary>Appends and deletes that wait for the writer, 1 to 65,536, default 1,024; more wait to enter.</summary>
    [Range(1, 65_536)]
    public int QueueLength { get; init; } = 1_024;

    /// <summary>Appends and deletes of one transaction, 1 to 4,096, default 256.</summary>
    [Range(1, 4_096)]
    public int TransactionCountMax { get; init; } = 256;

    /// <summary>
    /// Bytes of one transaction's appends, 1 byte to 1 GiB, default 8 MiB. An append that has more goes alone.
    /// </summary>
    [Range(1, 1 << 30)]
    public int TransactionBytesMax { get; init; } = 8 << 20;

    /// <summary>Connections that read at the same time, 1 to 64, default 4.</summary>
    [Range(1, 64)]
    public int ReadersMax { get; init; } = 4;

    /// <summary>
    /// Bytes of write-ahead log after which it is copied into the database file, 64 KiB to 1 GiB, default 8 MiB. Larger
    /// means rarer pauses (some 5 ms each) and a longer recovery; smaller means that a fresh log, whose growth makes
    /// each sync dearer, is sooner written over in place.
    /// </summary>
    [Range(64 << 10, 1 << 30)]
    public int CheckpointBytes { get; init; } = 8 << 20;

    /// <summary>The format in which records are written, 1 to 4, default 4.</summary>
    [Range(RecordFormat.First, RecordFormat.Newest)]
    public int Format { get; init; } = RecordFormat.Newest;

    /// <summary>
    /// Whether ends of turns are indexed for histories that are sent again: see <see cref="IHistoryStore"/>.
    /// </summary>
    public bool KeepsHistories { get; init; }

    /// <summary>Is told, once, when nothing can be stored.</summary>
    internal ILogger Logger { get; init; } = NullLogger.Instance;

    /// <summary>How the journal is checked while it is open; null: it is not.</summary>
    internal JournalCheckSetup? Check { get; init; }

    /// <summary>Whether it is opened to be copied into: it is empty then, or holds an unfinished copy.</summary>
    internal bool IsCopyTarget { get; init; }

    /// <summary>Pages the database may grow to, 0 for no bound: how a test fills the disk.</summary>
    internal int PageCountMax { get; init; }
}

/// <summary>What a <see cref="SqliteJournal"/> did since it was opened.</summary>
public readonly record struct SqliteJournalCounters
{
    /// <summary>Appends stored.</summary>
    public long Appends { get; init; }

    /// <summary>Bytes of the appends stored, as they were handed to the journal.</summary>
    public long AppendedBytes { get; init; }

    /// <summary>Appends refused because their position was taken.</summary>
    public long Refused { get; init; }

    /// <summary>Transactions of appends and deletes committed; each is one sync of the disk.</summary>
    public long Transactions { get; init; }

    /// <summary>Transactions of which nothing was stored because the store failed.</summary>
    public long FailedTransactions { get; init; }

    /// <summary>
    /// Bytes SQLite wrote to its write-ahead log. A checkpoint writes each changed page once more to the database file.
    /// An append's share is counted a moment after its caller was answered.
    /// </summary>
    public long LogBytes { get; init; }

    /// <summary>Times the write-ahead log was copied into the database file.</summary>
    public long Checkpoints { get; init; }

    /// <summary>Checkpoints and clean-ups that failed; they are tried again later.</summary>
    public long FailedMaintenance { get; init; }
}
