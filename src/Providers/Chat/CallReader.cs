using System.Text.Json;

namespace Evergrain.Providers.Chat;

/// <summary>Reads what one element of a delta's <c>tool_calls</c> says.</summary>
internal static class CallReader
{
    /// <summary>Reads the object that a reader stands on.</summary>
    /// <param name="reader">It moves to the object's end.</param>
    /// <param name="data">The bytes it reads.</param>
    public static CallPiece Read(scoped ref Utf8JsonReader reader, ReadOnlySpan<byte> data)
    {
        ChunkJson.Expect(JsonTokenType.StartObject, reader.TokenType);
        int? index = null;
        string? id = null, name = null;
        ReadOnlySpan<byte> arguments = default;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (JsonContent.NameIs(ref reader, "index"u8))
            {
                index = ChunkJson.Number(ref reader);
            }
            else if (JsonContent.NameIs(ref reader, "id"u8))
            {
                id = ChunkJson.String(ref reader);
            }
            else if (JsonContent.NameIs(ref reader, "function"u8))
            {
                ReadFunction(ref reader, data, ref name, ref arguments);
            }
            else
            {
                ChunkJson.Skip(ref reader);
            }
        }

        return new CallPiece { Index = index, Id = id, Name = name, Arguments = arguments };
    }

    private static void ReadFunction(scoped ref Utf8JsonReader reader, ReadOnlySpan<byte> data, ref string? name,
        scoped ref ReadOnlySpan<byte> arguments)
    {
        if (!ChunkJson.Enter(ref reader, JsonTokenType.StartObject))
        {
            return;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (JsonContent.NameIs(ref reader, "name"u8))
            {
                name = ChunkJson.String(ref reader);
            }
            else if (JsonContent.NameIs(ref reader, "arguments"u8))
            {
                arguments = Arguments(ref reader, data);
            }
            else
            {
                ChunkJson.Skip(ref reader);
            }
        }
    }

    /// <summary>Arguments as a string's inside; some servers send the object itself.</summary>
    private static ReadOnlySpan<byte> Arguments(scoped ref Utf8JsonReader reader, ReadOnlySpan<byte> data)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            return ChunkJson.Inside(ref reader);
        }

        var start = (int)reader.TokenStartIndex;
        reader.Skip();
        return new BodyWriter().Escaped(data[start..(int)reader.BytesConsumed]).ToArray();
    }
}
