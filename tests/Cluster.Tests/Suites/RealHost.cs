using Evergrain.Cluster.Tests;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Tests.Hosts;
using Evergrain.Providers.Demo;

namespace Evergrain.Frontend.Tests.Hosting;

/// <summary>
/// What the suites of <c>tests/Frontend.Tests</c> call the real thing, here: two silos of real Orleans that tests use
/// one after the other, and a journal of the test's own.
/// </summary>
public sealed class RealHost(IModelBackend? model = null) : ConversationsHost
{
    /// <summary>
    /// What tests over this host need: a long run. A short one has them over the embedded host, and over grains the
    /// contract that both hosts keep.
    /// </summary>
    public const string Needs = "Long";

    private readonly TestWorld _world = new()
    {
        Model = model as GatedModel ?? new GatedModel(),
        Clock = TimeProvider.System,
    };

    private ClusterHost? _cluster;

    public override IConversations Conversations => _cluster!.Conversations;

    public override IReadOnlyList<IModelBackend> Backends { get; } =
        [model ?? new DemoBackend(["demo"], TimeProvider.System)];

    public override async Task ReadyAsync() => _cluster ??= await ClusterHost.StartAsync(_world);

    public override async ValueTask DisposeAsync()
    {
        if (_cluster is { } cluster)
        {
            await cluster.Silos.DeactivateAllAsync();
            await cluster.DisposeAsync();
        }

        await base.DisposeAsync();
    }
}
