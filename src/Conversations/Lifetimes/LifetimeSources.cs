using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Lifetimes;

/// <summary>What a sweep reads and where it deletes.</summary>
/// <param name="Journal">The journal.</param>
/// <param name="Store">What it knows of ages; the same journal.</param>
/// <param name="Warm">The conversations that are warm in the host.</param>
public sealed record LifetimeSources(IJournal Journal, ILifetimeReader Store, WarmCalls Warm)
{
    /// <summary>The rules that count from this start on: the log says what they will remove.</summary>
    public IReadOnlyList<KeptLifetime> Begun { get; init; } = [];
}

/// <summary>Finds the calls of a conversation that may be warm.</summary>
/// <param name="Find">Gives null where it is not warm.</param>
public sealed record WarmCalls(Func<ConversationKey, IConversationCalls?> Find)
{
    /// <summary>Whether this process is the one of its host that sweeps now.</summary>
    public Func<bool> IsSweeper { get; init; } = static () => true;
}
