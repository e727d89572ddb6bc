using System.Text;
using System.Text.Json;
using Evergrain.Frontend.Turns;

namespace Evergrain.Frontend.Completions;

/// <summary>Appends JSON to a buffer from names and from values that are JSON already.</summary>
internal static class JsonAppends
{
    /// <summary>Stands between two texts that become one; the inside of a JSON string.</summary>
    public static ReadOnlySpan<byte> Paragraph => "\\n\\n"u8;

    /// <summary>Appends a member behind another one.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="name">The name, of ASCII letters.</param>
    /// <param name="json">The value's JSON.</param>
    public static void Member(RentedBuffer output, string name, ReadOnlySpan<byte> json)
    {
        output.Append(",\""u8);
        Encoding.ASCII.GetBytes(name, output.Claim(name.Length));
        output.Append("\":"u8);
        output.Append(json);
    }

    /// <summary>Appends several strings as one, a paragraph between those that are not empty.</summary>
    public static void Joined(RentedBuffer output, List<ReadOnlyMemory<byte>> strings)
    {
        output.Append("\""u8);
        var isFirst = true;
        foreach (var text in strings)
        {
            if (Inside(text.Span) is { IsEmpty: false } inside)
            {
                output.Append(isFirst ? default : Paragraph);
                output.Append(inside);
                isFirst = false;
            }
        }

        output.Append("\""u8);
    }

    /// <summary>The inside of a string, as it is spelled.</summary>
    public static ReadOnlySpan<byte> Inside(ReadOnlySpan<byte> text) => text[1..^1];

    /// <summary>The elements of a well-formed array; none where the value is none.</summary>
    public static List<ReadOnlyMemory<byte>> Elements(ReadOnlyMemory<byte> array)
    {
        var elements = new List<ReadOnlyMemory<byte>>();
        if (!JsonSlots.IsArray(array))
        {
            return elements;
        }

        var reader = new Utf8JsonReader(array.Span);
        reader.Read();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            var start = (int)reader.TokenStartIndex;
            reader.Skip();
            elements.Add(array[start..(int)reader.BytesConsumed]);
        }

        return elements;
    }
}
