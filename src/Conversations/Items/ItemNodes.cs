using System.Buffers;
using System.Text.Json;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Items;

/// <summary>A member's name or a value. A member's value is the node after its name.</summary>
internal struct ItemNode
{
    /// <summary>Where its text begins in the item; a string's behind the quote.</summary>
    public int Start;

    /// <summary>Bytes of its text; of a string's without the quotes.</summary>
    public int Length;

    /// <summary>A container's first child; 0 if it has none.</summary>
    public int First;

    /// <summary>The member or element that follows in the same container; 0 after the last.</summary>
    public int Next;

    /// <summary>How many members or elements a container has.</summary>
    public int Children;

    /// <summary>The token it begins with.</summary>
    public JsonTokenType Kind;

    /// <summary>Whether its text holds an escape.</summary>
    public bool Escaped;
}

/// <summary>Reads JSON into a rented table of nodes; nodes and links are in the order they came.</summary>
internal static class ItemNodes
{
    /// <summary>The deepest nesting read, the item itself included: what the wire allows a whole request.</summary>
    public const int DepthMax = 64;

    /// <summary>Values of an ordinary item; the table doubles from here.</summary>
    private const int NodesFirst = 64;

    /// <summary>A longer table (96 KiB) is left to the collector: no odd item's memory stays in the pool.</summary>
    private const int NodesPooledMax = 4096;

    /// <summary>A table to read into, to be given back by <see cref="Return"/>.</summary>
    public static ItemNode[] Rent() => ArrayPool<ItemNode>.Shared.Rent(NodesFirst);

    /// <summary>Takes a table back.</summary>
    public static void Return(ItemNode[] nodes)
    {
        if (nodes.Length <= NodesPooledMax)
        {
            ArrayPool<ItemNode>.Shared.Return(nodes);
        }
    }

    /// <summary>Reads all of <paramref name="json"/>; the table is exchanged for a larger one as it fills.</summary>
    /// <returns>How many nodes there are.</returns>
    /// <exception cref="JsonException">It is not one JSON value, or is nested too deep.</exception>
    public static int Read(ReadOnlySpan<byte> json, ref ItemNode[] nodes)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = DepthMax });
        Span<Open> open = stackalloc Open[DepthMax + 1];
        var depth = 0;
        var count = 0;
        while (reader.Read())
        {
            var kind = reader.TokenType;
            if (kind is JsonTokenType.EndObject or JsonTokenType.EndArray)
            {
                depth--;
                continue;
            }

            if (count == nodes.Length)
            {
                nodes = Grow(nodes);
            }

            nodes[count] = NodeAt(ref reader);
            if (depth > 0 && (kind == JsonTokenType.PropertyName || open[depth - 1].IsArray))
            {
                Link(nodes, ref open[depth - 1], count);
            }

            if (kind is JsonTokenType.StartObject or JsonTokenType.StartArray)
            {
                open[depth++] = new Open { Container = count, IsArray = kind == JsonTokenType.StartArray };
            }

            count++;
        }

        return count;
    }

    private static ItemNode NodeAt(ref Utf8JsonReader reader)
    {
        var quote = reader.TokenType is JsonTokenType.PropertyName or JsonTokenType.String ? 1 : 0;
        return new ItemNode
        {
            Start = (int)reader.TokenStartIndex + quote,
            Length = reader.ValueSpan.Length,
            Kind = reader.TokenType,
            Escaped = reader.ValueIsEscaped,
        };
    }

    private static void Link(ItemNode[] nodes, ref Open parent, int child)
    {
        if (parent.Last == ItemTree.End)
        {
            nodes[parent.Container].First = child;
        }
        else
        {
            nodes[parent.Last].Next = child;
        }

        nodes[parent.Container].Children++;
        parent.Last = child;
    }

    private static ItemNode[] Grow(ItemNode[] nodes)
    {
        if (nodes.Length >= Limits.ItemValuesMax)
        {
            throw ConversationException.Of(RefusalKind.InvalidRequest,
                $"The item holds too many JSON values: at most {Limits.ItemValuesMax}.");
        }

        var larger = nodes.Length * 2;
        var grown = larger <= NodesPooledMax ? ArrayPool<ItemNode>.Shared.Rent(larger) : new ItemNode[larger];
        nodes.CopyTo(grown, 0);
        Return(nodes);
        return grown;
    }

    /// <summary>A container that is being read.</summary>
    private struct Open
    {
        public int Container;
        public int Last;
        public bool IsArray;
    }
}
