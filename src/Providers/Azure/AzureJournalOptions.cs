using System.ComponentModel.DataAnnotations;
using Azure.Core.Pipeline;
using Evergrain.Conversations.Records;
using Evergrain.Providers.Journals;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Evergrain.Providers.Azure;

/// <summary>Where an <see cref="AzureJournal"/> lives and the bounds it works in.</summary>
public sealed class AzureJournalOptions
{
    /// <summary>
    /// A connection string of the storage account, or the URL of its blobs,
    /// <c>https://NAME.blob.core.windows.net</c>; with a URL the process is known by Azure.Identity. Never printed: a
    /// connection string holds the key.
    /// </summary>
    [Required]
    public required string Account { get; init; }

    /// <summary>
    /// The container of the deployment, after which its tables are named too; made if it is not there. 3 to 32
    /// lower-case letters and digits, a letter first, default <c>evergrain</c>. Journals in two containers know nothing
    /// of each other.
    /// </summary>
    [Required, RegularExpression("[a-z][a-z0-9]{2,31}")]
    public string Container { get; init; } = "evergrain";

    /// <summary>Appends and deletes under way at the same time, 1 to 1,024, default 128; more wait.</summary>
    [Range(1, 1_024)]
    public int WritersMax { get; init; } = 128;

    /// <summary>Reads under way at the same time, 1 to 1,024, default 32; more wait.</summary>
    [Range(1, 1_024)]
    public int ReadersMax { get; init; } = 32;

    /// <summary>How often a request that failed is sent again, 0 to 20, default 8: some 9 s in all.</summary>
    [Range(0, 20)]
    public int RetriesMax { get; init; } = 8;

    /// <summary>How long one request waits for its answer, 1 s to 10 minutes, default 10 s.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan AnswerTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long one step may take with all its tries, 1 s to 10 minutes, default 30 s.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan StepTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long a process that starts waits for a storage that cannot be reached, 0 to 1 hour, default 5 minutes.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    public TimeSpan StartTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// Conversations whose end is kept in memory, 1 to 10,000,000, default 100,000: some 300 bytes each.
    /// </summary>
    [Range(1, 10_000_000)]
    public int KnownEndsMax { get; init; } = 100_000;

    /// <summary>
    /// The newest format in which records may be written, 1 to 4, default 4. The journal's records have it once all
    /// processes of a cluster agree.
    /// </summary>
    [Range(RecordFormat.First, RecordFormat.Newest)]
    public int Format { get; init; } = RecordFormat.Newest;

    /// <summary>Is told, once, when nothing can be stored.</summary>
    internal ILogger Logger { get; set; } = NullLogger.Instance;

    /// <summary>Checks the whole journal once a day; null: nobody does.</summary>
    internal JournalCheckSetup? Check { get; set; }

    /// <summary>Blocks at which a tail is sealed, the same in all processes; tests seal earlier.</summary>
    internal int TailBlocksMax { get; init; } = LogTail.BlocksMax;

    /// <summary>Whether it is opened to be copied into: it is empty then, or holds an unfinished copy.</summary>
    internal bool IsCopyTarget { get; set; }

    /// <summary>Whether other processes of a cluster write it too, which then agree on a format.</summary>
    internal bool IsShared { get; set; }

    /// <summary>
    /// How long a process that starts waits for another one's lease. The lease of one that died runs out before.
    /// </summary>
    internal TimeSpan LeasePatience { get; init; } = BlobLease.Time + TimeSpan.FromSeconds(3);

    /// <summary>How often a process looks whether all agree on a newer format.</summary>
    internal TimeSpan FormatInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Sees each try of a request: how a test stops a process between two of them.</summary>
    internal HttpPipelinePolicy? Watch { get; init; }

    internal TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>The clock that numbers conversations: that of their turns.</summary>
    internal TimeProvider Clock { get; init; } = TimeProvider.System;
}

/// <summary>What an <see cref="AzureJournal"/> did since it was opened.</summary>
public readonly record struct AzureJournalCounters
{
    /// <summary>Appends stored.</summary>
    public long Appends { get; init; }

    /// <summary>Bytes of the appends stored, as they were handed to the journal.</summary>
    public long AppendedBytes { get; init; }

    /// <summary>Appends and deletes refused because the log did not end where it should.</summary>
    public long Refused { get; init; }

    /// <summary>Appends and deletes that failed: whether they were done is not known.</summary>
    public long Failed { get; init; }

    /// <summary>Appends that Azure refused, and that the tail showed as stored: their answer was lost.</summary>
    public long Resolved { get; init; }

    /// <summary>Tails that were sealed, by this process.</summary>
    public long Rolled { get; init; }
}
