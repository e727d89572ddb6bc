using System.ComponentModel.DataAnnotations;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Providers.Journals;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Evergrain.Providers.Postgres;

/// <summary>Where a <see cref="PostgresJournal"/> lives and the bounds it works in.</summary>
public sealed class PostgresJournalOptions
{
    /// <summary>
    /// <c>postgres://user:password@host:port/database</c>, with <c>?sslmode=</c> and other words of libpq behind it, or
    /// a connection string of Npgsql. Never printed: it holds the password. See <see cref="PostgresUrl"/>.
    /// </summary>
    [Required]
    public required string Url { get; init; }

    /// <summary>
    /// The schema of the database that holds the tables; made if it is not there. 1 to 63 lower-case letters, digits
    /// and underscores, default <c>evergrain</c>. Journals in two schemas know nothing of each other.
    /// </summary>
    [Required, RegularExpression("[a-z_][a-z0-9_]{0,62}")]
    public string Schema { get; init; } = "evergrain";

    /// <summary>Appends and deletes that wait for a writer, 1 to 65,536, default 1,024; more wait to enter.</summary>
    [Range(1, 65_536)]
    public int QueueLength { get; init; } = 1_024;

    /// <summary>
    /// Connections that write, 1 to 64, default 4. While one waits for the server's disk, others send what came since;
    /// the server syncs for several at once.
    /// </summary>
    [Range(1, 64)]
    public int WritersMax { get; init; } = 4;

    /// <summary>Appends and deletes of one transaction, 1 to 1,024, default 128.</summary>
    [Range(1, 1_024)]
    public int TransactionCountMax { get; init; } = 128;

    /// <summary>
    /// Bytes of one transaction's appends, 1 byte to 128 KiB, default 64 KiB. An append that has more goes alone. So
    /// much is handed to the operating system at once: a process that is stopped while it writes then never leaves a
    /// transaction half sent, whose locks would hold up other servers.
    /// </summary>
    [Range(1, 128 << 10)]
    public int TransactionBytesMax { get; init; } = 64 << 10;

    /// <summary>Connections that read at the same time, 1 to 64, default 4.</summary>
    [Range(1, 64)]
    public int ReadersMax { get; init; } = 4;

    /// <summary>
    /// How long an operation whose connection broke is tried again over new ones, 0 to 10 minutes, default 10 s; the
    /// last try may go beyond it. One that waits behind others may have to wait for theirs first.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:10:00")]
    public TimeSpan ReconnectTime { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a statement waits for a row that another session holds, 10 ms to 1 min, default 5 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "00:01:00")]
    public TimeSpan LockTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How long one statement may take on the server, 1 s to 10 minutes, default 30 s; the client gives up 5 s later.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan StatementTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long a process that starts waits for a server that cannot be reached, 0 to 1 hour, default 5 minutes.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    public TimeSpan StartTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// The newest format in which records may be written, 1 to 4, default 4. The journal's records have it once all
    /// processes that share the journal agree.
    /// </summary>
    [Range(RecordFormat.First, RecordFormat.Newest)]
    public int Format { get; init; } = RecordFormat.Newest;

    /// <summary>
    /// Whether ends of turns are indexed for histories that are sent again: see <see cref="IHistoryStore"/>.
    /// </summary>
    public bool KeepsHistories { get; set; }

    /// <summary>How often a process looks whether all agree on a newer format.</summary>
    internal TimeSpan FormatInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The oldest server taken, as <c>server_version_num</c>: how a test meets one that is too old.</summary>
    internal int ServerVersionMin { get; init; } = 150_000;

    /// <summary>Whether it is opened to be copied into: it is empty then, or holds an unfinished copy.</summary>
    internal bool IsCopyTarget { get; set; }

    /// <summary>Is told, once, when nothing can be stored.</summary>
    internal ILogger Logger { get; set; } = NullLogger.Instance;

    /// <summary>How the journal is checked while it is open; null: it is not.</summary>
    internal JournalCheckSetup? Check { get; set; }

    internal TimeProvider Time { get; init; } = TimeProvider.System;
}

/// <summary>What a <see cref="PostgresJournal"/> did since it was opened.</summary>
public readonly record struct PostgresJournalCounters
{
    /// <summary>Appends stored.</summary>
    public long Appends { get; init; }

    /// <summary>Bytes of the appends stored, as they were handed to the journal.</summary>
    public long AppendedBytes { get; init; }

    /// <summary>Appends and deletes refused because the log did not end where it should.</summary>
    public long Refused { get; init; }

    /// <summary>Transactions of appends and deletes committed; each is one round trip.</summary>
    public long Transactions { get; init; }

    /// <summary>Transactions that failed. What was in one of several is tried once more, each alone.</summary>
    public long FailedTransactions { get; init; }

    /// <summary>Times an operation lost its connection and was tried again over another.</summary>
    public long Reconnects { get; init; }

    /// <summary>Appends whose connection broke before the answer, and of which it was found out what became.</summary>
    public long Resolved { get; init; }
}
