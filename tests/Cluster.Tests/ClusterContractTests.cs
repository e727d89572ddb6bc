using Evergrain.Frontend.Tests.Hosts;

// Silos in this process are shared and counted together: tests of them run one after the other. Tests that only start
// processes have collections of their own and run beside them.
[assembly: CollectionBehavior(CollectionBehavior.CollectionPerAssembly)]

namespace Evergrain.Cluster.Tests;

/// <summary>The whole contract over real Orleans: two silos, and a client that asks them.</summary>
public sealed class ClusterContractTests : ConversationsContract
{
    protected override async Task<ContractHost> StartHostAsync() => await ClusterHost.StartAsync();
}
