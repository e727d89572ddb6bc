using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;
using Evergrain.Providers.Copying;

namespace Evergrain.Providers.Journals;

/// <summary>
/// The table of what tenants used, beside a journal: a row a tenant, with the last report that was added. One process
/// at a time reports, so that one row remembers enough to add each report once.
/// </summary>
internal static class TotalsTable
{
    public const string Name = "tenant_totals";

    private static readonly string[] Counts =
    [
        "completed", "incomplete", "cancelled", "failed", "interrupted", "input_tokens", "cached_tokens",
        "output_tokens",
    ];

    private static readonly string Columns = string.Join(", ", Counts);

    /// <summary>Makes it, if it is not there.</summary>
    public static string Create(string table, string text, string number) =>
        $"CREATE TABLE IF NOT EXISTS {table} (tenant {text} PRIMARY KEY, process {number} NOT NULL, " +
        $"sequence {number} NOT NULL, {string.Join(", ", Counts.Select(count => $"{count} {number} NOT NULL"))})";

    /// <summary>Adds a report; $1 is the tenant, then come <see cref="ValuesOf"/>.</summary>
    public static string Add(string table) => $"""
        INSERT INTO {table} AS kept (tenant, process, sequence, {Columns})
        VALUES ({string.Join(", ", Enumerable.Range(1, 3 + Counts.Length).Select(static number => $"${number}"))})
        ON CONFLICT (tenant) DO UPDATE SET process = excluded.process, sequence = excluded.sequence,
          {string.Join(", ", Counts.Select(static count => $"{count} = kept.{count} + excluded.{count}"))}
        WHERE kept.process <> excluded.process OR kept.sequence < excluded.sequence
        """;

    /// <summary>Reads the totals of tenant $1.</summary>
    public static string Get(string table) => $"SELECT {Columns} FROM {table} WHERE tenant = $1";

    /// <summary>Reads the rows of all tenants.</summary>
    public static string All(string table) => $"SELECT tenant, process, sequence, {Columns} FROM {table}";

    /// <summary>The totals in such a row.</summary>
    public static TenantTotal ReadRow(string tenant, Func<int, long> column) => new(tenant,
        new TenantReport((ulong)column(1), column(2), Read(number => column(number + 3))));

    /// <summary>What a report stores behind its tenant.</summary>
    public static long[] ValuesOf(TenantReport report) =>
    [
        (long)report.Process, report.Sequence, report.Counts.Completed, report.Counts.Incomplete,
        report.Counts.Cancelled, report.Counts.Failed, report.Counts.Interrupted, report.Counts.InputTokens,
        report.Counts.CachedTokens, report.Counts.OutputTokens,
    ];

    /// <summary>The totals in a row.</summary>
    public static TurnCounts Read(Func<int, long> column) => new(
        column(0), column(1), column(2), column(3), column(4), column(5), column(6), column(7));
}
