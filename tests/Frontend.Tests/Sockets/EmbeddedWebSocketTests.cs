using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Embedded;
using Evergrain.Frontend.Tests.Hosting;
using Evergrain.Providers.Demo;
using Microsoft.Extensions.DependencyInjection;

namespace Evergrain.Frontend.Tests.Sockets;

/// <summary>The suite over the real thing: embedded conversations, the demo model, a journal in memory.</summary>
public sealed class EmbeddedWebSocketTests : WebSocketSuite
{
    protected override Task<ConversationsHost> CreateHostAsync() => Task.FromResult<ConversationsHost>(new Embedded());

    private sealed class Embedded : ConversationsHost
    {
        private readonly ServiceProvider _services;

        public Embedded()
        {
            Backends = [new DemoBackend(["demo"], TimeProvider.System)];
            _services = new ServiceCollection()
                .AddLogging()
                .AddMetrics()
                .AddSingleton(TimeProvider.System)
                .AddSingleton<IIdSource, RandomIdSource>()
                .AddSingleton<IJournal, InMemoryJournal>()
                .AddSingleton(Backends[0])
                .AddEmbeddedConversations(new EmbeddedOptions())
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
}
