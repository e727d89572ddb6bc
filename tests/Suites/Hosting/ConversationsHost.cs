using Evergrain.Conversations.Ports;

namespace Evergrain.Suites.Hosting;

/// <summary>Where conversations live in a test: behind the same ports, whoever implements them.</summary>
public abstract class ConversationsHost : IAsyncDisposable
{
    public abstract ITurns Turns { get; }

    public abstract IConversations Conversations { get; }

    public abstract IReadOnlyList<IModelBackend> Backends { get; }

    /// <summary>The frontend's clock.</summary>
    public virtual TimeProvider Clock => TimeProvider.System;

    public virtual ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }
}
