using System.ComponentModel.DataAnnotations;
using Evergrain.Conversations.Recognition;

namespace Evergrain.Frontend.Admission;

/// <summary>
/// How much the server takes on in all: section <c>Evergrain:Admission</c>. Reread when the settings file changes,
/// <see cref="RereadInterval"/> apart. A bound that shrinks cuts nothing that runs already.
/// </summary>
public sealed class AdmissionOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Evergrain:Admission";

    /// <summary>Open WebSockets, 1 to 1,000,000. Default 10,000: idle, they hold 320 MB at most.</summary>
    [Range(1, 1_000_000)]
    public int ConnectionsMax { get; set; } = 10_000;

    /// <summary>Turns that run at a time, 1 to 1,000,000. Default 10,000: one of each connection.</summary>
    [Range(1, 1_000_000)]
    public int RunningTurnsMax { get; set; } = 10_000;

    /// <summary>Turns that wait for a place, 0 to 1,000,000; more are refused at once. Default 10,000.</summary>
    [Range(0, 1_000_000)]
    public int WaitingTurnsMax { get; set; } = 10_000;

    /// <summary>
    /// Bytes that requests and conversations may hold in this process, estimated, 16 MiB to 1 TiB. Default half of what
    /// the runtime may use, which is the machine's memory or the limit of the container or of the heap.
    /// </summary>
    [Range(16L << 20, 1L << 40)]
    public long? MemoryBytesMax { get; set; }

    /// <summary>
    /// Bytes of requests between their receipt and the start of their turn, 64 KiB to 1 TiB. Default a quarter of
    /// <see cref="MemoryBytesMax"/>, at most 1 GiB. A request that is alone passes however long it is.
    /// </summary>
    [Range(64L << 10, 1L << 40)]
    public long? ReceivedBytesMax { get; set; }

    /// <summary>
    /// Time a turn waits for a place, and a request for room, 100 ms to 4 minutes: Codex gives a silent socket up after
    /// 5. Default 30 s. A socket whose request waits for room is not read and answers no ping meanwhile.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:04:00")]
    public TimeSpan QueueTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How often the settings file is looked at, 100 ms to 1 hour; itself not reread. Default 2 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "01:00:00")]
    public TimeSpan RereadInterval { get; set; } = TimeSpan.FromSeconds(2);
}

/// <summary>
/// How much of that one tenant may have: section <c>Evergrain:Tenants:&lt;name&gt;</c>. What it does not say, the
/// section <c>Evergrain:Tenants:*</c> says, and then the default.
/// </summary>
public sealed class TenantOptions : IValidatableObject
{
    /// <summary>The configuration section that holds one of these for each tenant.</summary>
    public const string Section = "Evergrain:Tenants";

    /// <summary>The name of the section that speaks for all tenants.</summary>
    public const string Others = "*";

    private static readonly TimeSpan LifetimeLeast = TimeSpan.FromMinutes(1);

    /// <summary>Open WebSockets, 0 to 1,000,000. Default: no bound but that in all.</summary>
    [Range(0, 1_000_000)]
    public int? ConnectionsMax { get; set; }

    /// <summary>Turns that run at a time, 0 to 1,000,000. Default: no bound but that in all.</summary>
    [Range(0, 1_000_000)]
    public int? RunningTurnsMax { get; set; }

    /// <summary>Turns that wait for a place, 0 to 1,000,000. Default: half of those in all.</summary>
    [Range(0, 1_000_000)]
    public int? WaitingTurnsMax { get; set; }

    /// <summary>Bytes of requests whose turn has not started, 64 KiB to 1 TiB. Default: a quarter of those in
    /// all.</summary>
    [Range(64L << 10, 1L << 40)]
    public long? ReceivedBytesMax { get; set; }

    /// <summary>
    /// Bytes that its running and unstored turns may hold, 1 MiB to 1 TiB. Default: as many as are free in the process.
    /// </summary>
    [Range(1L << 20, 1L << 40)]
    public long? MemoryBytesMax { get; set; }

    /// <summary>
    /// Turns that it may begin in a minute, 1 to 1,000,000,000. As many may begin at once, and they come back evenly.
    /// Default: no bound.
    /// </summary>
    [Range(1, 1_000_000_000)]
    public int? TurnsPerMinute { get; set; }

    /// <summary>
    /// Tokens of input and output that its turns may take in a minute, 1 to 1,000,000,000,000. They count when a turn
    /// ends, so the last turns may take more, and no turn begins until that has come back. Default: no bound.
    /// </summary>
    [Range(1, 1_000_000_000_000)]
    public long? TokensPerMinute { get; set; }

    /// <summary>Its share of places that are short, against the others' weights, 1 to 1000. Default 1.</summary>
    [Range(1, 1000)]
    public int? Weight { get; set; }

    /// <summary>
    /// Whether the spans of its model calls hold what its stored turns say. The process of the conversation reads it.
    /// Default false.
    /// </summary>
    public bool? ContentInSpans { get; set; }

    /// <summary>
    /// Which of its creates are looked up for a history that is known. Default: what
    /// <see cref="RecognitionOptions.Recognition"/> says. Read at the start alone.
    /// </summary>
    [RegularExpression(RecognitionOptions.Values, ErrorMessage = "Recognition must be off, stored or all.")]
    public string? Recognition { get; set; }

    /// <summary>
    /// How long its unstored content is recognised after its last use, 0 to 1 day. Default: what
    /// <see cref="RecognitionOptions.UnstoredGrace"/> says. Read at the start alone.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "1.00:00:00")]
    public TimeSpan? UnstoredGrace { get; set; }

    /// <summary>
    /// How long its responses are kept after they ended, 1 minute to 36,500 days; 0: for ever. It counts from the first
    /// start with it at the earliest. Default: for ever. Read at the start alone.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "36500.00:00:00")]
    public TimeSpan? ResponseLifetime { get; set; }

    /// <summary>An answer is read after its turn has ended: a shorter lifetime would take it from its client.</summary>
    IEnumerable<ValidationResult> IValidatableObject.Validate(ValidationContext validationContext)
    {
        if (ResponseLifetime > TimeSpan.Zero && ResponseLifetime < LifetimeLeast)
        {
            yield return new ValidationResult(
                "ResponseLifetime must be 00:01:00 at least, or 0 for ever.", [nameof(ResponseLifetime)]);
        }
    }
}
