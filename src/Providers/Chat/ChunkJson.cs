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

    /// <summary>The inside of a string, as it is spelled.</summary>
    public static ReadOnlySpan<byte> Text(scoped ref Utf8JsonReader reader)
    {
        reader.Read();
        return Inside(ref reader);
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

    /// <summary>A small whole number.</summary>
    public static int? Number(ref Utf8JsonReader reader)
    {
        reader.Read();
        return reader.TokenType == JsonTokenType.Null ? null :
            reader.TryGetInt32(out var number) ? number :
            throw new FormatException("The model server sent a number that is no index.");
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
