using System.Text.Json;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Chat;

/// <summary>What one chunk says of one call. Texts are the insides of JSON strings.</summary>
internal readonly ref struct CallPiece
{
    /// <summary>Which call of the answer; null from servers that do not say.</summary>
    public int? Index { get; init; }

    /// <summary>Whether it stands behind another piece in its chunk.</summary>
    public bool IsBehindOther { get; init; }

    public string? Id { get; init; }

    public string? Name { get; init; }

    public ReadOnlySpan<byte> Arguments { get; init; }

    /// <summary>What the server wants back with the call; see <see cref="ModelEvent.ServerData"/>.</summary>
    public ReadOnlyMemory<byte> ServerData { get; init; }
}

/// <summary>Reads what one element of a delta's <c>tool_calls</c> says.</summary>
internal static class CallReader
{
    /// <summary>Reads the object that a reader stands on.</summary>
    /// <param name="reader">It moves to the object's end.</param>
    /// <param name="data">The bytes it reads.</param>
    /// <param name="place">Which element it is.</param>
    public static CallPiece Read(scoped ref Utf8JsonReader reader, ReadOnlySpan<byte> data, int place)
    {
        ChunkJson.Expect(JsonTokenType.StartObject, reader.TokenType);
        int? index = null;
        string? id = null, name = null;
        ReadOnlySpan<byte> arguments = default;
        byte[] own = [];
        var isOwn = default(ServersOwn);
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
            else if (ServersOwnOf(ref reader) is not ServersOwn.None and var member &&
                !isOwn.HasFlag(member))
            {
                isOwn |= member;
                own = With(own, ref reader, data);
            }
            else
            {
                ChunkJson.Skip(ref reader);
            }
        }

        return new CallPiece
        {
            Index = index, IsBehindOther = place > 0, Id = id, Name = name, Arguments = arguments, ServerData = own,
        };
    }

    // Sources: Gemini's thought signatures; LiteLLM and other proxies that pass them on under their own names.
    private static ServersOwn ServersOwnOf(ref Utf8JsonReader reader) =>
        JsonContent.NameIs(ref reader, "extra_content"u8) ? ServersOwn.ExtraContent
        : JsonContent.NameIs(ref reader, "provider_specific_fields"u8) ? ServersOwn.ProviderFields
        : JsonContent.NameIs(ref reader, "thought_signature"u8) ? ServersOwn.ThoughtSignature
        : ServersOwn.None;

    /// <summary>The object with one more member; without it where it is null or too large.</summary>
    private static byte[] With(byte[] own, scoped ref Utf8JsonReader reader, ReadOnlySpan<byte> data)
    {
        var start = (int)reader.TokenStartIndex;
        var isNull = ChunkJson.Pass(ref reader, data).IsEmpty;
        var member = data[start..(int)reader.BytesConsumed];
        return isNull || own.Length + member.Length >= ServerMembers.BytesMax ? own
            : own.Length == 0 ? [(byte)'{', .. member, (byte)'}']
            : [.. own.AsSpan(0, own.Length - 1), (byte)',', .. member, (byte)'}'];
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

    /// <summary>What a server wants back with a call. A member that comes twice counts once.</summary>
    [Flags]
    private enum ServersOwn
    {
        None = 0,
        ExtraContent = 1,
        ProviderFields = 2,
        ThoughtSignature = 4,
    }
}
