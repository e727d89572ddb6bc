using System.Text;
using System.Text.Json;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Items;
using Evergrain.Conversations.Wire;

namespace Evergrain.Conversations.Hosts;

/// <summary>
/// Writes items as the messages of OpenTelemetry's conventions for generative AI: a JSON text of bounded length.
/// </summary>
/// <remarks>
/// Source: the conventions 0.1.0, gen-ai-input-messages.json and gen-ai-output-messages.json. Texts keep their escapes.
/// Of what is no text, such as an image, only the type is written. Sealed reasoning is left out.
/// </remarks>
internal sealed class SpanMessages
{
    /// <summary>
    /// Bytes after which texts are cut and items are left out. A turn of a tool loop brings 2 KB, so most are whole.
    /// </summary>
    public const int BytesMax = 16 << 10;

    private const int EscapeBytes = 2, UnitBytes = 6;

    private readonly WireBuffer _json = new();
    private bool _isBehindOther;

    /// <summary>Whether something was cut or left out.</summary>
    public bool IsCut { get; private set; }

    private bool IsFull => _json.Count >= BytesMax;

    /// <summary>A message for each item.</summary>
    public string OfInput(IEnumerable<PreparedItem> items)
    {
        Open("["u8);
        foreach (var item in items)
        {
            if (IsFull)
            {
                IsCut = true;
                break;
            }

            Next().Raw("{\"role\":"u8).Quoted(RoleOf(item.Item));
            Open(",\"parts\":["u8);
            WriteParts(item.Item);
            Close("]}"u8);
        }

        return Take();
    }

    /// <summary>One message with the parts of all items.</summary>
    public string OfOutput(IEnumerable<PreparedItem> items, string finishReason)
    {
        Open("[{\"role\":\"assistant\",\"parts\":["u8);
        foreach (var item in items)
        {
            if (IsFull)
            {
                IsCut = true;
                break;
            }

            WriteParts(item.Item);
        }

        Close("],\"finish_reason\":"u8);
        _json.Quoted(finishReason).Raw("}"u8);
        return Take();
    }

    private static string RoleOf(Item item) => item.Role switch
    {
        ItemRole.System => "system",
        ItemRole.Developer => "developer",
        ItemRole.User => "user",
        ItemRole.Assistant => "assistant",
        _ when item.Type == "message" => "user",
        _ when item.Type.EndsWith("_output", StringComparison.Ordinal) => "tool",
        _ => "assistant",
    };

    private void WriteParts(Item item)
    {
        using var tree = ItemTree.Read(item.Json.Span);
        var root = ItemTree.Root;
        switch (item.Type)
        {
            case "message":
                WriteContent(tree, tree.Find(root, "content"u8), "text"u8);
                break;
            case "reasoning":
                WriteContent(tree, tree.Find(root, "summary"u8), "reasoning"u8);
                WriteContent(tree, tree.Find(root, "content"u8), "reasoning"u8);
                break;
            case "function_call":
                WriteCall(tree, "arguments"u8);
                break;
            case "custom_tool_call":
                WriteCall(tree, "input"u8);
                break;
            case "function_call_output" or "custom_tool_call_output":
                WriteAnswer(tree);
                break;
            default:
                WriteType(tree, root);
                break;
        }
    }

    private void WriteCall(ItemTree tree, ReadOnlySpan<byte> arguments)
    {
        Next().Raw("{\"type\":\"tool_call\",\"id\":"u8);
        WriteString(tree, tree.Find(ItemTree.Root, "call_id"u8));
        _json.Raw(",\"name\":"u8);
        WriteString(tree, tree.Find(ItemTree.Root, "name"u8));
        _json.Raw(",\"arguments\":"u8);
        WriteString(tree, tree.Find(ItemTree.Root, arguments));
        _json.Raw("}"u8);
    }

    private void WriteAnswer(ItemTree tree)
    {
        var output = tree.Find(ItemTree.Root, "output"u8);
        Next().Raw("{\"type\":\"tool_call_response\",\"id\":"u8);
        WriteString(tree, tree.Find(ItemTree.Root, "call_id"u8));
        _json.Raw(",\"response\":"u8);
        if (tree.KindOf(output) == JsonTokenType.StartArray)
        {
            Open("["u8);
            WriteContent(tree, output, "text"u8);
            Close("]"u8);
        }
        else
        {
            WriteString(tree, output);
        }

        _json.Raw("}"u8);
    }

    /// <summary>Writes what a text or an array of parts says, each as a part of this kind.</summary>
    private void WriteContent(ItemTree tree, int content, ReadOnlySpan<byte> kind)
    {
        if (IsText(tree, content))
        {
            WriteText(tree, content, kind);
        }
        else if (content != ItemTree.End && tree.KindOf(content) == JsonTokenType.StartArray)
        {
            for (var part = tree.FirstOf(content); part != ItemTree.End; part = tree.NextOf(part))
            {
                WritePart(tree, part, kind);
            }
        }
    }

    private void WritePart(ItemTree tree, int part, ReadOnlySpan<byte> kind)
    {
        if (IsFull)
        {
            IsCut = true;
        }
        else if (tree.KindOf(part) == JsonTokenType.StartObject)
        {
            var (text, refusal) = (tree.Find(part, "text"u8), tree.Find(part, "refusal"u8));
            if (IsText(tree, text))
            {
                WriteText(tree, text, kind);
            }
            else if (IsText(tree, refusal))
            {
                WriteText(tree, refusal, "refusal"u8);
            }
            else
            {
                WriteType(tree, part);
            }
        }
    }

    private void WriteText(ItemTree tree, int text, ReadOnlySpan<byte> kind)
    {
        Next().Raw("{\"type\":\""u8).Raw(kind).Raw("\",\"content\":"u8);
        WriteString(tree, text);
        _json.Raw("}"u8);
    }

    private void WriteType(ItemTree tree, int of)
    {
        Next().Raw("{\"type\":"u8);
        WriteString(tree, tree.Find(of, "type"u8));
        _json.Raw("}"u8);
    }

    private static bool IsText(ItemTree tree, int node) =>
        node != ItemTree.End && tree.KindOf(node) == JsonTokenType.String;

    /// <summary>Writes a string as it was spelled, as far as there is room.</summary>
    private void WriteString(ItemTree tree, int node)
    {
        var raw = IsText(tree, node) ? tree.RawOf(node) : default;
        var kept = LengthWithin(raw, Math.Max(BytesMax - _json.Count, 0));
        IsCut |= kept < raw.Length;
        _json.Raw("\""u8).Raw(raw[..kept]).Raw("\""u8);
    }

    /// <summary>How much of the inside of a JSON string fits, with no escape and no character split.</summary>
    private static int LengthWithin(ReadOnlySpan<byte> raw, int max)
    {
        if (raw.Length <= max)
        {
            return raw.Length;
        }

        var at = 0;
        while (true)
        {
            var run = raw[at..max].IndexOf((byte)'\\');
            if (run < 0)
            {
                return StartOfCharacter(raw, max);
            }

            var end = at + run + EscapeLength(raw[(at + run)..]);
            if (end > max)
            {
                return at + run;
            }

            at = end;
        }
    }

    private static int StartOfCharacter(ReadOnlySpan<byte> raw, int at)
    {
        while (at > 0 && (raw[at] & 0xC0) == 0x80)
        {
            at--;
        }

        return at;
    }

    // Two escapes of UTF-16 code units side by side may be one character, and stay together.
    private static int EscapeLength(ReadOnlySpan<byte> escape) => escape[1] != 'u' ? EscapeBytes
        : escape[2] is (byte)'d' or (byte)'D' && escape[UnitBytes..].StartsWith("\\u"u8) ? 2 * UnitBytes
        : UnitBytes;

    private WireBuffer Next()
    {
        _json.Raw(_isBehindOther ? ","u8 : default);
        _isBehindOther = true;
        return _json;
    }

    private void Open(ReadOnlySpan<byte> bracket)
    {
        _json.Raw(bracket);
        _isBehindOther = false;
    }

    private void Close(ReadOnlySpan<byte> bracket)
    {
        _json.Raw(bracket);
        _isBehindOther = true;
    }

    private string Take() => Encoding.UTF8.GetString(_json.Raw("]"u8).Take());
}
