using System.Buffers;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;

namespace Evergrain.Providers.Tests;

/// <summary>A state as another process reads it.</summary>
internal static class MovedState
{
    /// <summary>Writes and reads the state behind an item; one that the item shares stays as it is.</summary>
    public static object? Of(IStateCodec states, Item item, object? before, object? after)
    {
        if (after is null || ReferenceEquals(before, after))
        {
            return after;
        }

        var step = new ArrayBufferWriter<byte>();
        states.Write(item, before, after, new PayloadWriter(step));

        // The other process has the item's bytes in another buffer.
        var input = new PayloadReader(step.WrittenMemory);
        var moved = states.Read(item with { Json = item.Json.ToArray() }, before, ref input);
        Assert.True(input.IsAtEnd, "the state is longer than it reads");
        return moved;
    }
}
