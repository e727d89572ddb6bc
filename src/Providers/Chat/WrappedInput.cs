using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Evergrain.Providers.Chat;

/// <summary>
/// Finds the input of a custom tool in arguments that wrap it otherwise than they were told to: <c>{"patch":"…"}</c>,
/// <c>{"command":["apply_patch","…"]}</c>, a JSON string, a fenced block.
/// </summary>
internal static class WrappedInput
{
    // Members that models put an input into, beside others that say something of it.
    private static readonly string[] Names = ["input", "patch", "code", "command", "script", "text", "content"];

    private static ReadOnlySpan<byte> Fence => "```"u8;

    /// <summary>Whether arguments that begin so may be a wrapping; an object is one in any case.</summary>
    public static bool CanBegin(byte character) => character is (byte)'"' or (byte)'[' or (byte)'`';

    /// <summary>The one string that can be meant; null where there is none, or more than one.</summary>
    /// <param name="arguments">All of the arguments.</param>
    /// <param name="tool">The tool's name, which models put beside the input.</param>
    public static string? Find(ReadOnlySpan<byte> arguments, string tool)
    {
        var text = arguments.Trim(" \t\r\n"u8);
        if (text.StartsWith(Fence))
        {
            return Fenced(text);
        }

        try
        {
            using var json = JsonDocument.Parse(Repaired(text));
            return Find(json.RootElement, tool);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // No JSON, or half a character in a string: the whole text is what the model wrote.
            return null;
        }
    }

    private static string? Find(JsonElement json, string tool)
    {
        if (json.ValueKind == JsonValueKind.Object)
        {
            var named = json.EnumerateObject().Where(member => Names.Contains(member.Name) || member.Name == tool)
                .Take(2).ToList();
            if (named.Count == 1 && Find(named[0].Value, tool) is { } text)
            {
                return text;
            }
        }

        var strings = new List<string>();
        Collect(json, tool, strings);
        return strings.Count == 1 ? strings[0] : null;
    }

    private static void Collect(JsonElement json, string tool, List<string> strings)
    {
        switch (json.ValueKind)
        {
            case JsonValueKind.String when !json.ValueEquals(tool):
                strings.Add(json.GetString()!);
                break;
            case JsonValueKind.Array:
                foreach (var element in json.EnumerateArray())
                {
                    Collect(element, tool, strings);
                }

                break;
            case JsonValueKind.Object:
                foreach (var member in json.EnumerateObject())
                {
                    Collect(member.Value, tool, strings);
                }

                break;
        }
    }

    /// <summary>The inside of a text that is one fenced block; null where it is not.</summary>
    private static string? Fenced(ReadOnlySpan<byte> text)
    {
        var first = text.IndexOf((byte)'\n');
        if (first < 0 || text[Fence.Length..first].ContainsAny(" `\t"u8))
        {
            return null;
        }

        // A second fence is the last of the text, or there is more than one block.
        var inside = text[(first + 1)..];
        var end = inside.StartsWith(Fence) ? 0 : inside.IndexOf("\n```"u8) + 1;
        return inside[end..].SequenceEqual(Fence) ? Encoding.UTF8.GetString(inside[..end]) : null;
    }

    /// <summary>
    /// JSON in which no string has a control character or a backslash that escapes nothing: models write both.
    /// </summary>
    private static ReadOnlyMemory<byte> Repaired(ReadOnlySpan<byte> json)
    {
        var output = new ArrayBufferWriter<byte>(json.Length + 16);
        var isInString = false;
        for (var i = 0; i < json.Length; i++)
        {
            var character = json[i];
            if (isInString && character == JsonContent.Escape)
            {
                var isEscape = i + 1 < json.Length && "\"\\/bfnrtu"u8.Contains(json[i + 1]);
                output.Write(isEscape ? json.Slice(i, 2) : "\\\\"u8);
                i += isEscape ? 1 : 0;
            }
            else if (isInString && character < ' ')
            {
                output.Advance(JsonEscape.Write(character, output.GetSpan(JsonContent.EscapeLength)));
            }
            else
            {
                isInString ^= character == '"';
                output.Write(json.Slice(i, 1));
            }
        }

        return output.WrittenMemory;
    }
}
