using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;

namespace Evergrain.Providers.Demo;

/// <summary>
/// How the demo's states move: a step is a few numbers, or, of a script and of tools, what the item says.
/// </summary>
internal sealed class DemoStates : IStateCodec
{
    /// <inheritdoc/>
    public void Write(Item item, object? before, object after, PayloadWriter output) =>
        ((DemoState)after).WriteStep(before as DemoState ?? DemoState.Start, output);

    /// <inheritdoc/>
    public object Read(Item item, object? before, ref PayloadReader input) =>
        (before as DemoState ?? DemoState.Start).ReadStep(item, ref input);
}
