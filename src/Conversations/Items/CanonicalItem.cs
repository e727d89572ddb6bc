using System.Buffers;
using System.Text.Json;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Items;

/// <summary>
/// The canonical form of an item: one sequence of bytes for all spellings that mean the same. The rules are in
/// <c>docs/digest.md</c>, with test vectors beside it.
/// </summary>
public static class CanonicalItem
{
    /// <summary>The first byte: which version of the rules made the bytes.</summary>
    public const byte Version = 1;

    /// <summary>Writes the version byte, then the item as canonical JSON (RFC 8785 and an item's own rules).</summary>
    /// <param name="itemJson">One item in UTF-8, as it came.</param>
    /// <param name="output">Takes the bytes; nothing is written if the item is refused.</param>
    /// <exception cref="ConversationException">
    /// <see cref="RefusalKind.InvalidRequest"/>: the item is no JSON object, no valid UTF-8, nested deeper than 64,
    /// or repeats a member's name; the parameter is then that member's path in the item (<c>content[0].text</c>).
    /// </exception>
    public static void Write(ReadOnlySpan<byte> itemJson, IBufferWriter<byte> output)
    {
        ArgumentNullException.ThrowIfNull(output);
        using var tree = ItemTree.Read(itemJson);
        Write(tree, output);
    }

    /// <summary>Writes an item that was read.</summary>
    internal static void Write(ItemTree item, IBufferWriter<byte> output)
    {
        output.Write([Version]);
        new CanonicalWriter(item, output).WriteItem();
    }
}

/// <summary>Writes one item's canonical JSON.</summary>
internal readonly ref struct CanonicalWriter(ItemTree tree, IBufferWriter<byte> output)
{
    private readonly ItemTree _tree = tree;
    private readonly IBufferWriter<byte> _output = output;

    /// <summary>Writes the item.</summary>
    public void WriteItem()
    {
        var type = _tree.Find(ItemTree.Root, "type"u8);
        var role = _tree.Find(ItemTree.Root, "role"u8);
        var implied = type == ItemTree.End && IsString(role);
        var shape = Shape(implied ? new JsonText("message"u8, escaped: false) : TextOrNone(type), TextOrNone(role));
        WriteMembers(ItemTree.Root, shape, implied);
    }

    /// <summary>What the rules say about an item of this type.</summary>
    private static ItemShape Shape(JsonText type, JsonText role) => new()
    {
        Type = type,
        Defaults = ItemDefaults.OfItem,
        IsItem = true,
        Parts = type.Is("message"u8) ? "content"u8
            : type.Is("function_call_output"u8) || type.Is("custom_tool_call_output"u8) ? "output"u8
            : default,
        PartOfString = !type.Is("message"u8) ? default
            : role.Is("assistant"u8) ? "output_text"u8
            : role.Is("user"u8) || role.Is("system"u8) || role.Is("developer"u8) ? "input_text"u8
            : default,
    };

    private void WriteMembers(int container, ItemShape shape, bool impliesMessage)
    {
        var separator = "{"u8;
        for (var member = _tree.FirstOf(container); member != ItemTree.End; member = _tree.NextOf(member))
        {
            var name = _tree.TextOf(member);
            var value = ItemTree.ValueOf(member);
            if (IsLeftOut(shape, name, value))
            {
                continue;
            }

            if (impliesMessage && JsonText.Compare(name, new JsonText("type"u8, escaped: false)) > 0)
            {
                WriteMessageType(separator);
                impliesMessage = false;
                separator = ","u8;
            }

            _output.Write(separator);
            name.WriteTo(_output);
            _output.Write(":"u8);
            WriteMember(shape, name, value);
            separator = ","u8;
        }

        if (impliesMessage)
        {
            WriteMessageType(separator);
            separator = ","u8;
        }

        _output.Write(separator[0] == '{' ? "{}"u8 : "}"u8);
    }

    private bool IsLeftOut(ItemShape shape, JsonText name, int value)
    {
        if (shape.IsItem && (name.Is("id"u8) || name.Is("status"u8)))
        {
            return true;
        }

        var candidate = DefaultOf(value);
        return candidate != DefaultValue.None && ItemDefaults.Holds(shape.Defaults, shape.Type, name, candidate);
    }

    private DefaultValue DefaultOf(int value) => _tree.KindOf(value) switch
    {
        JsonTokenType.Null => DefaultValue.Null,
        JsonTokenType.StartArray when _tree.FirstOf(value) == ItemTree.End => DefaultValue.EmptyArray,
        JsonTokenType.String when _tree.TextOf(value).Is("auto"u8) => DefaultValue.Auto,
        _ => DefaultValue.None,
    };

    private void WriteMessageType(ReadOnlySpan<byte> separator)
    {
        _output.Write(separator);
        _output.Write("\"type\":\"message\""u8);
    }

    private void WriteMember(ItemShape shape, JsonText name, int value)
    {
        var kind = _tree.KindOf(value);
        if (kind == JsonTokenType.String && !shape.PartOfString.IsEmpty && name.Is("content"u8))
        {
            _output.Write("[{\"text\":"u8);
            _tree.TextOf(value).WriteTo(_output);
            _output.Write(",\"type\":\""u8);
            _output.Write(shape.PartOfString);
            _output.Write("\"}]"u8);
        }
        else if (kind == JsonTokenType.StartArray && !shape.Parts.IsEmpty && name.Is(shape.Parts))
        {
            WriteArray(value, areParts: true);
        }
        else
        {
            WriteValue(value);
        }
    }

    private void WriteArray(int array, bool areParts)
    {
        _output.Write("["u8);
        for (var element = _tree.FirstOf(array); element != ItemTree.End; element = _tree.NextOf(element))
        {
            if (element != _tree.FirstOf(array))
            {
                _output.Write(","u8);
            }

            if (areParts && _tree.KindOf(element) == JsonTokenType.StartObject)
            {
                var type = TextOrNone(_tree.Find(element, "type"u8));
                WriteMembers(element, new ItemShape { Type = type, Defaults = ItemDefaults.OfPart }, false);
            }
            else
            {
                WriteValue(element);
            }
        }

        _output.Write("]"u8);
    }

    private void WriteValue(int value)
    {
        switch (_tree.KindOf(value))
        {
            case JsonTokenType.StartObject:
                WriteMembers(value, shape: default, impliesMessage: false);
                break;
            case JsonTokenType.StartArray:
                WriteArray(value, areParts: false);
                break;
            case JsonTokenType.String:
                _tree.TextOf(value).WriteTo(_output);
                break;
            case JsonTokenType.Number:
                CanonicalNumber.Write(_tree.RawOf(value), _output);
                break;
            default:
                _output.Write(_tree.RawOf(value)); // true, false, null: JSON spells each in one way.
                break;
        }
    }

    private bool IsString(int value) => value != ItemTree.End && _tree.KindOf(value) == JsonTokenType.String;

    private JsonText TextOrNone(int value) => IsString(value) ? _tree.TextOf(value) : default;

    /// <summary>What an object's place in the item and its type mean for its members; default: nothing.</summary>
    private ref struct ItemShape
    {
        public JsonText Type;
        public ReadOnlySpan<ItemDefaults.Row> Defaults;
        public bool IsItem;

        /// <summary>The member whose elements are content parts; empty if there is none.</summary>
        public ReadOnlySpan<byte> Parts;

        /// <summary>The type of the part that string <c>content</c> stands for; empty if it stays a string.</summary>
        public ReadOnlySpan<byte> PartOfString;
    }
}
