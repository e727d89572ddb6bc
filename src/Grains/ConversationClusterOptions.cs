using System.ComponentModel.DataAnnotations;

namespace Evergrain.Grains;

/// <summary>The bounds of conversations in a cluster; the same for silos and for frontends.</summary>
public sealed class ConversationClusterOptions
{
    /// <summary>
    /// How long one call to a grain may take before its caller asks again; Orleans looks once a second. Default 1
    /// second, 500 ms to 30 seconds. No call waits for a model, so a longer one is a silo that died or is overloaded. A
    /// reader of a silent model is answered twice in that time: the shorter it is, the more that costs.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.500", "00:00:30")]
    public TimeSpan CallTimeout { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// How long a router asks again before its caller is told to come back. Default 20 seconds, 1 second to 5 minutes:
    /// some calls that time out, or a silo's death and what follows it.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:05:00")]
    public TimeSpan RetryTime { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>
    /// How long a reader that broke off without a word counts as reading. Default 30 seconds, 1 second to 5 minutes: as
    /// long as a frontend waits for a client that takes no bytes.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:05:00")]
    public TimeSpan ReaderGrace { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Batches of events in one message to a reader. Default 4, 1 to 100: a megabyte at most, unless a single event is
    /// larger.
    /// </summary>
    [Range(1, 100)]
    public int MessageBatchesMax { get; set; } = 4;

    /// <summary>How long one model call may run. Default 1 hour, 1 second to 1 day.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan ModelCallTime { get; set; } = TimeSpan.FromHours(1);

    /// <summary>
    /// How long a cancelled model call may take to end before it is left alone. Default 10 seconds, 1 to 20: an
    /// activation must end within the 30 that Orleans gives it.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:00:20")]
    public TimeSpan CallEndTime { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Bytes that warm conversations of a silo may hold together; over it those that were not asked for the longest go.
    /// Default 2 GiB, at least 1 MiB. What runs, or is held unstored, stays whatever the budget.
    /// </summary>
    [Range(1L << 20, long.MaxValue)]
    public long WarmBytesMax { get; set; } = 2L << 30;

    /// <summary>How long an idle conversation stays warm. Default 30 minutes, 2 minutes to a year.</summary>
    [Range(typeof(TimeSpan), "00:02:00", "365.00:00:00")]
    public TimeSpan WarmTime { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>
    /// How long a silo waits for another's answer to a probe. Default 1 second, 500 ms to 1 minute: two that are
    /// missed make a silo dead, if it has said nothing else for four times as long, or its connection is closed.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.500", "00:01:00")]
    public TimeSpan ProbeTimeout { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Bytes of conversations that move from one silo at a time. Default 16 MiB, 1 to 32: Orleans takes 100 MB in one
    /// message, and drops all that is in a larger one. A conversation that is larger by itself moves alone, and from
    /// 64 MiB on it begins cold.
    /// </summary>
    [Range(1L << 20, 32L << 20)]
    public long MoveBytesMax { get; set; } = 16L << 20;

    /// <summary>
    /// How often silos tell each other how much they hold, and give to those that hold clearly less; a connection that
    /// fell silent is noticed at the second time. Default 3 seconds, 500 ms to 1 minute.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.500", "00:01:00")]
    public TimeSpan ShareInterval { get; set; } = TimeSpan.FromSeconds(3);
}

/// <summary>How a silo stops.</summary>
public sealed class ConversationDrainOptions
{
    /// <summary>
    /// How long a silo that stops gives running turns to end, while it moves its conversations to other silos; then
    /// turns end as interrupted. Default 30 seconds; 0: they end at once and nothing moves. The host gets 15 seconds
    /// more to stop, at least.
    /// </summary>
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromSeconds(30);
}
