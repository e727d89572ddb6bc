using Evergrain.Frontend.Tests.Hosting;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Transports;

namespace Evergrain.Frontend.Tests.Transports;

/// <summary>The suite over conversations that a test scripts.</summary>
public abstract class ScriptedSuite : TransportSuite
{
    protected override Task<ConversationsHost> CreateHostAsync() =>
        Task.FromResult<ConversationsHost>(new ScriptedConversations());
}

public sealed class ScriptedSocketTests : ScriptedSuite
{
    protected override Task<ITurnTransport> ConnectAsync(TestServer server, string? key = null) =>
        SocketTransport.ConnectAsync(server, key);
}

public sealed class ScriptedJsonTests : ScriptedSuite
{
    protected override Task<ITurnTransport> ConnectAsync(TestServer server, string? key = null) =>
        JsonTransport.ConnectAsync(server, key);
}

public sealed class ScriptedStreamTests : ScriptedSuite
{
    protected override Task<ITurnTransport> ConnectAsync(TestServer server, string? key = null) =>
        StreamTransport.ConnectAsync(server, key);
}
