#if EVERGRAIN_AZURE
using Azure.Data.Tables;
using Evergrain.Grains;
using Orleans.Hosting;

namespace Evergrain.Silo.Membership;

/// <summary>Processes that find each other in tables of an Azure storage account. Compiled, not yet run.</summary>
internal sealed class AzureMembership(string connectionString) : IMembership
{
    private readonly TableServiceClient _tables = new(connectionString);

    // Orleans makes its tables itself.
    public Task PrepareAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void AddTo(ISiloBuilder silo)
    {
        silo.UseAzureStorageClustering(options => options.TableServiceClient = _tables);
        silo.AddAzureTableGrainStorage(ClusterStorage.Name, options => options.TableServiceClient = _tables);
    }

    public void AddTo(IClientBuilder client) =>
        client.UseAzureStorageClustering(options => options.TableServiceClient = _tables);
}
#endif
