using Evergrain.Conversations.Ports;

namespace Evergrain.Frontend.Tests.Hosting;

/// <summary>Where conversations live in a test: behind the same port, whoever implements it.</summary>
public abstract class ConversationsHost : IAsyncDisposable
{
    public abstract IConversations Conversations { get; }

    public abstract IReadOnlyList<IModelBackend> Backends { get; }

    /// <summary>The frontend's clock.</summary>
    public virtual TimeProvider Clock => TimeProvider.System;

    /// <summary>Makes it ready, where that takes time; before anything else is asked of it.</summary>
    public virtual Task ReadyAsync() => Task.CompletedTask;

    public virtual ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }
}
