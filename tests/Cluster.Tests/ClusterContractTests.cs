using Evergrain.Frontend.Tests.Hosts;

[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace Evergrain.Cluster.Tests;

/// <summary>The whole contract over real Orleans: two silos, and a client that asks them.</summary>
public sealed class ClusterContractTests : ConversationsContract
{
    protected override async Task<ContractHost> StartHostAsync() => await ClusterHost.StartAsync();
}
