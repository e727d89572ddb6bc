namespace Evergrain.Providers.Tests.Servers.Behaviour;

/// <summary>The backend behaviour over the Responses API.</summary>
public sealed class ResponsesBehaviourTests : BackendBehaviour
{
    internal override Dialect Dialect { get; } = new ResponsesDialect();
}
