using Evergrain.Frontend.Tests.Hosting;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Sockets;

namespace Evergrain.Frontend.Tests.Sockets;

public sealed class ScriptedWebSocketTests : WebSocketSuite
{
    protected override Task<ConversationsHost> CreateHostAsync() =>
        Task.FromResult<ConversationsHost>(new ScriptedConversations());
}
