using System.Buffers.Text;
using System.Text.Json;

namespace Evergrain.Providers.Chat;

/// <summary>Reads members of chunks. Each begins on a member's name; null counts as missing.</summary>
internal static class ChunkJson
{
    /// <summary>Enters an object or an array; false where it is null.</summary>
    public static bool Enter(ref Utf8JsonReader reader, JsonTokenType opening)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.Null)
        {
            return false;
        }

        Expect(opening, reader.TokenType);
        return true;
    }

    /// <summary>Enters an object; false where the value is none, and the reader stands on its beginning.</summary>
    public static bool TryEnter(ref Utf8JsonReader reader) =>
        reader.Read() && reader.TokenType == JsonTokenType.StartObject;

    /// <summary>Passes a value over; gives its bytes, none where it is null.</summary>
    public static ReadOnlySpan<byte> Pass(scoped ref Utf8JsonReader reader, ReadOnlySpan<byte> data)
    {
        reader.Read();
        return PassThis(ref reader, data);
    }

    /// <summary>Passes over the value that a reader stands on; gives its bytes, none where it is null.</summary>
    public static ReadOnlySpan<byte> PassThis(scoped ref Utf8JsonReader reader, ReadOnlySpan<byte> data)
    {
        if (reader.TokenType == JsonTokenType.Null)
        {
            return default;
        }

        var start = (int)reader.TokenStartIndex;
        reader.Skip();
        return data[start..(int)reader.BytesConsumed];
    }

    /// <summary>The inside of a string, as it is spelled.</summary>
    public static ReadOnlySpan<byte> Text(scoped ref Utf8JsonReader reader)
    {
        reader.Read();
        return Inside(ref reader);
    }

    /// <summary>The inside of a string, as it is spelled; empty where the value is none.</summary>
    public static ReadOnlySpan<byte> TextIfAny(scoped ref Utf8JsonReader reader)
    {
        reader.Read();
        var text = reader.TokenType == JsonTokenType.String ? reader.ValueSpan : default;
        reader.Skip();
        return text;
    }

    /// <summary>The inside of the string that a reader stands on.</summary>
    public static ReadOnlySpan<byte> Inside(scoped ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.Null)
        {
            return default;
        }

        Expect(JsonTokenType.String, reader.TokenType);
        return reader.ValueSpan;
    }

    /// <summary>A string.</summary>
    public static string? String(ref Utf8JsonReader reader)
    {
        reader.Read();
        return reader.TokenType == JsonTokenType.Null ? null : reader.GetString();
    }

    /// <summary>A string, or a number as it is written; null where the value is neither.</summary>
    public static string? Word(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType is JsonTokenType.String)
        {
            return reader.GetString();
        }

        var number = reader.TokenType == JsonTokenType.Number ? JsonContent.Decode(reader.ValueSpan) : null;
        reader.Skip();
        return number;
    }

    /// <summary>Whether a value is this string.</summary>
    public static bool Is(ref Utf8JsonReader reader, ReadOnlySpan<byte> plain)
    {
        var text = TextIfAny(ref reader);
        return JsonContent.ContentIs(text, plain);
    }

    /// <summary>A small whole number; some servers write it as a string.</summary>
    public static int? Number(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.Null)
        {
            return null;
        }

        var isText = reader.TokenType == JsonTokenType.String;
        return Utf8Parser.TryParse(reader.ValueSpan, out int number, out var length) &&
            length == reader.ValueSpan.Length && (isText || reader.TokenType == JsonTokenType.Number)
            ? number
            : throw new FormatException("The model server sent a number that is no index.");
    }

    /// <summary>Passes a value over.</summary>
    public static void Skip(ref Utf8JsonReader reader)
    {
        reader.Read();
        reader.Skip();
    }

    /// <summary>Refuses another token than the one that must be there.</summary>
    public static void Expect(JsonTokenType expected, JsonTokenType found)
    {
        if (found != expected)
        {
            throw new FormatException($"The model server sent {found} where a chunk has {expected}.");
        }
    }
}
