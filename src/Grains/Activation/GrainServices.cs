using Evergrain.Conversations.Hosts;
using Evergrain.Grains.Moving;

namespace Evergrain.Grains.Activation;

/// <summary>What every conversation of a silo shares.</summary>
/// <param name="Host">What activations share.</param>
/// <param name="Checks">The check on new input; null: there is none.</param>
/// <param name="Moves">Where conversations leave the silo, and which are warm there.</param>
/// <param name="Options">The bounds.</param>
internal sealed record GrainServices(
    HostContext Host, InputChecks? Checks, ConversationMoves Moves, ConversationClusterOptions Options)
{
    /// <summary>What becomes of a snapshot before it is read: tests alone damage any.</summary>
    internal Func<byte[], byte[]>? OnArrival { get; set; }
}
