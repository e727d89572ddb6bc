using Evergrain.Frontend.Tests.Hosting;

namespace Evergrain.Frontend.Tests.Sockets;

public sealed class ScriptedWebSocketTests : WebSocketSuite
{
    protected override Task<ConversationsHost> CreateHostAsync() =>
        Task.FromResult<ConversationsHost>(new ScriptedConversations());
}
