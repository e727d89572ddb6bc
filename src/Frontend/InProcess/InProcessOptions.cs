using System.ComponentModel.DataAnnotations;

namespace Evergrain.Frontend.InProcess;

/// <summary>How much the in-process host keeps in memory, and for how long.</summary>
public sealed class InProcessOptions
{
    /// <summary>
    /// Bytes that warm conversations may hold together; over it the coldest idle ones are passivated.
    /// Default 2 GiB, at least 1 MiB. What runs, or is held unstored by a connection, stays whatever the budget.
    /// </summary>
    [Range(1L << 20, long.MaxValue)]
    public long WarmBytesMax { get; set; } = 2L << 30;

    /// <summary>How long an idle conversation stays warm. Default 30 minutes, at least 1 second.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "365.00:00:00")]
    public TimeSpan WarmTime { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>How often idle time is looked at. Default 5 seconds, 10 ms to 1 hour.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "01:00:00")]
    public TimeSpan SweepInterval { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How long a host that stops waits for its readers to fetch the last events. Default 5 seconds, up to 5 minutes.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:05:00")]
    public TimeSpan StopGrace { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How long one model call may run. Default 1 hour, 1 second to 1 day.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan ModelCallTime { get; set; } = TimeSpan.FromHours(1);

    /// <summary>
    /// How long a cancelled model call may take to end before it is left alone. Default 10 seconds, 1 to 60.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:01:00")]
    public TimeSpan CallEndTime { get; set; } = TimeSpan.FromSeconds(10);
}
