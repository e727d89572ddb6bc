namespace Evergrain.Providers.Tests.Servers.Behaviour;

/// <summary>The backend behaviour over chat completions.</summary>
public sealed class ChatBehaviourTests : BackendBehaviour
{
    internal override Dialect Dialect { get; } = new ChatDialect();
}
