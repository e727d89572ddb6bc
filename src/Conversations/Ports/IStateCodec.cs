using Evergrain.Conversations.Context;
using Evergrain.Conversations.Records;

namespace Evergrain.Conversations.Ports;

/// <summary>
/// Writes the states of one rendering and reads them back, in another process with a backend of that rendering.
/// </summary>
/// <remarks>
/// A state is written as the step from the one before it: a whole state may grow with the history, and then all states
/// of a branch with its square. States that are one object are written once, without asking.
/// </remarks>
public interface IStateCodec
{
    /// <summary>Writes what an item made of the state before it.</summary>
    /// <param name="item">The item whose rendering left <paramref name="after"/>; the reader has it too.</param>
    /// <param name="before">The state before it; null at the root, or if the item before left none.</param>
    /// <param name="after">What it left.</param>
    /// <param name="output">Takes the step.</param>
    void Write(Item item, object? before, object after, PayloadWriter output);

    /// <summary>The state behind an item: equal in effect to the one that was written.</summary>
    /// <param name="item">The item.</param>
    /// <param name="before">The state before it, as it was read.</param>
    /// <param name="input">
    /// What was written; it must be read to its end. Slices of it may be kept.
    /// </param>
    /// <exception cref="FormatException">Nothing that was written looks like this.</exception>
    object Read(Item item, object? before, ref PayloadReader input);
}
