using Evergrain.Journals.Stores;

namespace Evergrain.Cluster.Processes;

/// <summary>A question's own PostgreSQL.</summary>
internal static class Database
{
    /// <summary>Makes and starts one.</summary>
    public static async Task<PrivatePostgres> StartAsync(ClusterOptions options, CancellationToken cancellationToken) =>
        await PrivatePostgres.StartAsync(options.Data, cancellationToken)
        ?? throw new InvalidOperationException("PostgreSQL is not installed.");
}
