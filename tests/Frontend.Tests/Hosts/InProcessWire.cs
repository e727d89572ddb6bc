using Evergrain.Conversations.Ports;
using Evergrain.Frontend.InProcess;
using Evergrain.Providers.Demo;
using Evergrain.Suites.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace Evergrain.Frontend.Tests.Hosts;

/// <summary>The suites of the wire run over conversations in this process.</summary>
internal sealed class InProcessWire : IWireHosts
{
    public static readonly InProcessWire Hosts = new();

    public Task<ConversationsHost> StartAsync(IModelBackend? model = null) => Task.FromResult<ConversationsHost>(
        new RealHost(model ?? new DemoBackend(["demo"], TimeProvider.System)));

    public async Task<StoredHost> StartStoredAsync(string directory, TimeProvider time,
        params (string Option, string? Value)[] settings) =>
        await InProcessStoredHost.StartAsync(directory, time, settings);

    private sealed class RealHost(IModelBackend model) : ConversationsHost
    {
        private readonly ServiceProvider _services = new ServiceCollection()
            .AddLogging()
            .AddMetrics()
            .AddSingleton(TimeProvider.System)
            .AddSingleton<IIdSource, RandomIdSource>()
            .AddSingleton<IJournal, InMemoryJournal>()
            .AddSingleton(model)
            .AddInProcessConversations(new InProcessOptions())
            .BuildServiceProvider();

        public override ITurns Turns => _services.GetRequiredService<ITurns>();

        public override IConversations Conversations => _services.GetRequiredService<IConversations>();

        public override IReadOnlyList<IModelBackend> Backends { get; } = [model];

        public override async ValueTask DisposeAsync()
        {
            await _services.DisposeAsync();
            await base.DisposeAsync();
        }
    }
}
