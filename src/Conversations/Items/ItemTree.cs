using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Wire;

namespace Evergrain.Conversations.Items;

/// <summary>
/// An item's JSON as a table of values over its own bytes, in the order they came; each object's members are linked
/// in canonical order. Rents its table: dispose it.
/// </summary>
internal readonly ref struct ItemTree
{
    /// <summary>The item's own place in the table. No value lies before it, so a link of 0 ends a list.</summary>
    public const int Root = 0;

    /// <summary>Ends a list of members or elements.</summary>
    public const int End = 0;

    /// <summary>UTF-8 bytes of one member's name that an error's path shows.</summary>
    private const int NameShownMax = 64;

    private readonly ReadOnlySpan<byte> _json;
    private readonly ItemNode[] _nodes;

    private ItemTree(ReadOnlySpan<byte> json, ItemNode[] nodes)
    {
        _json = json;
        _nodes = nodes;
    }

    /// <summary>Reads an item.</summary>
    /// <exception cref="ConversationException">
    /// It is no JSON object, no valid UTF-8, nested too deep, or an object in it repeats a member's name.
    /// </exception>
    public static ItemTree Read(ReadOnlySpan<byte> json)
    {
        if (!Utf8.IsValid(json))
        {
            throw Refused("The item is not valid UTF-8.");
        }

        var nodes = ItemNodes.Rent();
        try
        {
            var count = ItemNodes.Read(json, ref nodes);
            var tree = new ItemTree(json, nodes);
            if (nodes[Root].Kind != JsonTokenType.StartObject)
            {
                throw Refused("An item must be a JSON object.");
            }

            new MemberOrder(tree, nodes).SortMembers(count);
            return tree;
        }
        catch (JsonException e)
        {
            ItemNodes.Return(nodes);
            throw new ConversationException(
                new Refusal(RefusalKind.InvalidRequest, $"The item is not valid JSON: {JsonPlace.Of(e)} of it."), e);
        }
        catch (ConversationException)
        {
            ItemNodes.Return(nodes);
            throw;
        }
    }

    /// <summary>Returns the table.</summary>
    public void Dispose() => ItemNodes.Return(_nodes);

    /// <summary>The kind of a value, by the token it begins with.</summary>
    public JsonTokenType KindOf(int node) => _nodes[node].Kind;

    /// <summary>An object's first member in canonical order, or an array's first element; 0 if it has none.</summary>
    public int FirstOf(int container) => _nodes[container].First;

    /// <summary>The next member or element; 0 after the last.</summary>
    public int NextOf(int child) => _nodes[child].Next;

    /// <summary>The value of a member.</summary>
    public static int ValueOf(int member) => member + 1;

    /// <summary>A member's name or a string value.</summary>
    public JsonText TextOf(int node) => new(RawOf(node), _nodes[node].Escaped);

    /// <summary>A value that is no container, as it was spelled; a string without its quotes.</summary>
    public ReadOnlySpan<byte> RawOf(int node) => _json.Slice(_nodes[node].Start, _nodes[node].Length);

    /// <summary>A string value's characters; null where the node is none, or none that .NET can hold.</summary>
    public string? StringOf(int node)
    {
        if (node == End || KindOf(node) != JsonTokenType.String)
        {
            return null;
        }

        return _nodes[node].Escaped ? Unescaped(node) : Encoding.UTF8.GetString(RawOf(node));
    }

    /// <summary>Whether a string value is one that .NET can hold: it has no unpaired surrogate.</summary>
    public bool IsText(int node) => !_nodes[node].Escaped || Unescaped(node) is not null;

    /// <summary>The value of an object's member of this name; 0 if it has none.</summary>
    public int Find(int container, ReadOnlySpan<byte> name)
    {
        for (var member = FirstOf(container); member != End; member = NextOf(member))
        {
            if (TextOf(member).Is(name))
            {
                return ValueOf(member);
            }
        }

        return End;
    }

    /// <summary>The refusal of an item that is wrong in itself.</summary>
    public static ConversationException Refused(string message, string? param = null) =>
        ConversationException.Of(RefusalKind.InvalidRequest, message, param);

    /// <summary>The path of a member, such as <c>content[0].text</c>, with names in canonical spelling.</summary>
    public string PathOf(int member)
    {
        var path = new StringBuilder();
        var container = Root;
        while (true)
        {
            // A child's values follow it in the table, so the one that holds the member is the last not after it.
            var holder = End;
            var position = 0;
            var index = 0;
            for (var child = FirstOf(container); child != End; child = NextOf(child), index++)
            {
                (holder, position) = child <= member && child > holder ? (child, index) : (holder, position);
            }

            if (KindOf(container) == JsonTokenType.StartArray)
            {
                path.Append('[').Append(position).Append(']');
                container = holder;
                continue;
            }

            path.Append(container == Root ? "" : ".").Append(Shown(holder));
            if (holder == member)
            {
                return path.ToString();
            }

            container = ValueOf(holder);
        }
    }

    private string? Unescaped(int node)
    {
        var reader = new Utf8JsonReader(_json.Slice(_nodes[node].Start - 1, _nodes[node].Length + 2));
        reader.Read();
        try
        {
            return reader.GetString();
        }
        catch (InvalidOperationException)
        {
            // An unpaired surrogate.
            return null;
        }
    }

    private string Shown(int member)
    {
        var written = new ArrayBufferWriter<byte>();
        TextOf(member).WriteTo(written);
        var name = written.WrittenSpan[1..^1];
        return name.Length <= NameShownMax
            ? Encoding.UTF8.GetString(name)
            : Encoding.UTF8.GetString(name[..NameShownMax]).TrimEnd('\uFFFD') + "…";
    }
}
