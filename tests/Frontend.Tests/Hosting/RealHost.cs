using Evergrain.Conversations.Ports;
using Evergrain.Frontend.InProcess;
using Evergrain.Providers.Demo;
using Microsoft.Extensions.DependencyInjection;

namespace Evergrain.Frontend.Tests.Hosting;

/// <summary>
/// The real thing: conversations in this process, the demo model or another, a journal in memory. The tests of the cluster
/// compile the same suites with a class of this name over Orleans.
/// </summary>
public sealed class RealHost : ConversationsHost
{
    /// <summary>What tests over this host need: nothing that a machine may lack.</summary>
    public const string Needs = "Nothing";

    private readonly ServiceProvider _services;

    public RealHost(IModelBackend? model = null)
    {
        Backends = [model ?? new DemoBackend(["demo"], TimeProvider.System)];
        _services = new ServiceCollection()
            .AddLogging()
            .AddMetrics()
            .AddSingleton(TimeProvider.System)
            .AddSingleton<IIdSource, RandomIdSource>()
            .AddSingleton<IJournal, InMemoryJournal>()
            .AddSingleton(Backends[0])
            .AddInProcessConversations(new InProcessOptions())
            .BuildServiceProvider();
    }

    public override IConversations Conversations => _services.GetRequiredService<IConversations>();

    public override IReadOnlyList<IModelBackend> Backends { get; }

    public override async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        await base.DisposeAsync();
    }
}
