using System.Net;
using Orleans.Hosting;

namespace Evergrain.Silo.Membership;

/// <summary>
/// Processes of one machine: the first silo keeps the list of the others in its memory. If it ends, the cluster does.
/// </summary>
internal sealed class LocalMembership(ClusterSettings settings, ClusterDatabase database) : IMembership
{
    public Task PrepareAsync(CancellationToken cancellationToken) => database.PrepareAsync(cancellationToken);

    public void AddTo(ISiloBuilder silo)
    {
        silo.UseDevelopmentClustering(new IPEndPoint(IPAddress.Loopback, settings.PrimaryPort));
        database.AddStorageTo(silo);
    }

    public void AddTo(IClientBuilder client) =>
        client.UseStaticClustering([.. settings.Gateways.Select(static port => new IPEndPoint(IPAddress.Loopback, port))]);
}
