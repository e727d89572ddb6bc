using System.Text.Json;

namespace Evergrain.Conversations.Recognition;

/// <summary>Takes items out of a create's bytes, and names a parent in them.</summary>
internal static class CreateCut
{
    private static readonly JsonReaderOptions Options = new() { MaxDepth = Limits.JsonDepthMax };

    private static ReadOnlySpan<byte> ParentName => "previous_response_id"u8;

    private static ReadOnlySpan<byte> Spaces => " \t\r\n"u8;

    /// <summary>Where the first item begins; null: there is none, or not before what is no JSON.</summary>
    public static int? InputOf(ReadOnlySpan<byte> create)
    {
        try
        {
            var reader = new Utf8JsonReader(create, Options);
            reader.Read();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isInput = reader.ValueTextEquals("input"u8);
                reader.Read();
                if (isInput)
                {
                    return reader.TokenType == JsonTokenType.StartArray && reader.Read() &&
                        reader.TokenType == JsonTokenType.StartObject
                            ? (int)reader.TokenStartIndex
                            : null;
                }

                reader.Skip();
            }
        }
        catch (JsonException)
        {
            // Whoever reads it in full says what is wrong.
        }

        return null;
    }

    /// <summary>The create without whole items that stand first in its input.</summary>
    /// <param name="create">The create.</param>
    /// <param name="start">Where they begin.</param>
    /// <param name="length">How many bytes they are.</param>
    /// <returns>Null where neither another item nor the end of the input follows them.</returns>
    public static byte[]? Without(ReadOnlySpan<byte> create, int start, int length)
    {
        var rest = create[(start + length)..].TrimStart(Spaces);
        if (rest is [(byte)',', ..])
        {
            rest = rest[1..].TrimStart(Spaces);
            return rest is [(byte)'{', ..] ? [.. create[..start], .. rest] : null;
        }

        return rest is [(byte)']', ..] ? [.. create[..start], .. rest] : null;
    }

    /// <summary>Names the parent in a create that names none, be it with a null.</summary>
    public static byte[] WithParent(ReadOnlySpan<byte> create, ReadOnlySpan<byte> parent)
    {
        var reader = new Utf8JsonReader(create, Options);
        reader.Read();
        var begin = (int)reader.BytesConsumed;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isParent = reader.ValueTextEquals(ParentName);
            reader.Read();
            if (isParent)
            {
                return [.. create[..(int)reader.TokenStartIndex], .. parent, .. create[(int)reader.BytesConsumed..]];
            }

            reader.Skip();
        }

        // It has other members: its model at least.
        return [.. create[..begin], (byte)'"', .. ParentName, .. "\":"u8, .. parent, (byte)',', .. create[begin..]];
    }
}
