using Microsoft.AspNetCore.Http;

namespace Evergrain.Frontend.Http;

/// <summary>
/// Paths that orchestrators and scrapers ask for. They are answered while the server starts, is full or stops. Routing
/// takes them in any case, so these do too.
/// </summary>
internal static class ProbePaths
{
    public static bool IsProbe(this PathString path) => path.IsHealth() || path.IsMetrics();

    public static bool IsHealth(this PathString path) =>
        path.StartsWithSegments("/health", StringComparison.OrdinalIgnoreCase);

    /// <summary>What an operator's key opens, beside health.</summary>
    public static bool IsForOperators(this PathString path) =>
        path.IsMetrics() || path.StartsWithSegments("/evergrain", StringComparison.OrdinalIgnoreCase);

    public static bool IsMetrics(this PathString path) =>
        path.StartsWithSegments("/metrics", StringComparison.OrdinalIgnoreCase);
}
