using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Ports;

/// <summary>
/// Adds up what tenants use, and keeps it when processes end. A store that cannot be reached throws
/// <see cref="JournalUnavailableException"/>.
/// </summary>
public interface ITenantTotals
{
    /// <summary>Adds what a process has counted. The same report again adds nothing.</summary>
    /// <param name="tenant">Whose turns were counted.</param>
    /// <param name="report">What was counted.</param>
    /// <param name="cancellationToken">Stops waiting; whether the report was added is then unknown.</param>
    ValueTask AddAsync(string tenant, TenantReport report, CancellationToken cancellationToken);

    /// <summary>All that was added; zeros for a tenant without a report.</summary>
    ValueTask<TurnCounts> GetAsync(string tenant, CancellationToken cancellationToken);
}

/// <summary>What one process has counted of a tenant since its last report.</summary>
/// <param name="Process">The process, by 64 random bits of its own.</param>
/// <param name="Sequence">Grows with each report of that process.</param>
/// <param name="Counts">What was counted.</param>
public sealed record TenantReport(ulong Process, long Sequence, TurnCounts Counts);
