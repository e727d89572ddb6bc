using Evergrain.Conversations.Ports;
using Evergrain.Providers.Demo;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Hosts;

namespace Evergrain.Cluster.Tests;

/// <summary>
/// The suites of the wire run over two silos of real Orleans, a client that asks them, and a server before it. Silos
/// serve one test after the other; each test has a journal and a model of its own, and leaves no activation behind.
/// </summary>
internal sealed class ClusterWire : IWireHosts
{
    public static readonly ClusterWire Hosts = new();

    public async Task<ConversationsHost> StartAsync(IModelBackend? model = null, TimeProvider? demoClock = null)
    {
        var world = new TestWorld
        {
            Model = model as GatedModel ?? new GatedModel(),
            Clock = TimeProvider.System,
            DemoClock = demoClock ?? TimeProvider.System,
        };
        return new RealHost(await ClusterHost.StartAsync(world),
            model ?? new DemoBackend(["demo"], TimeProvider.System));
    }

    public async Task<StoredHost> StartStoredAsync(string directory, TimeProvider time,
        params (string Option, string? Value)[] settings) =>
        await ClusterStoredHost.StartAsync(directory, time, settings);

    private sealed class RealHost(ClusterHost cluster, IModelBackend model) : ConversationsHost
    {
        public override ITurns Turns => cluster.Turns;

        public override IConversations Conversations => cluster.Conversations;

        public override IReadOnlyList<IModelBackend> Backends { get; } = [model];

        public override async ValueTask DisposeAsync()
        {
            await cluster.Silos.DeactivateAllAsync();
            await cluster.DisposeAsync();
            await base.DisposeAsync();
        }
    }
}
