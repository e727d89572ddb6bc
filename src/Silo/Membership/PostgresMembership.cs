using Orleans.Hosting;

namespace Evergrain.Silo.Membership;

/// <summary>Processes that find each other in a table of PostgreSQL.</summary>
internal sealed class PostgresMembership(ClusterDatabase database) : IMembership
{
    public Task PrepareAsync(CancellationToken cancellationToken) => database.PrepareAsync(cancellationToken);

    public void AddTo(ISiloBuilder silo)
    {
        silo.UseAdoNetClustering(options =>
        {
            options.Invariant = ClusterDatabase.Invariant;
            options.ConnectionString = database.ConnectionString;
        });
        database.AddStorageTo(silo);
    }

    public void AddTo(IClientBuilder client) => client.UseAdoNetClustering(options =>
    {
        options.Invariant = ClusterDatabase.Invariant;
        options.ConnectionString = database.ConnectionString;
    });
}
