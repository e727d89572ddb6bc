using System.Text;
using System.Text.Json;
using Evergrain.Conversations;

namespace Evergrain.Providers.Responses;

/// <summary>
/// What an event says first: its type, its item, and its delta with log probabilities, found in one pass. Most events
/// are deltas, and need no more.
/// </summary>
internal readonly ref struct EventSkim
{
    /// <summary>How deep an event may be: an item, inside a list, a response and the event.</summary>
    public const int DepthMax = Limits.JsonDepthMax + 3;

    private static readonly JsonReaderOptions Options = new() { MaxDepth = DepthMax };

    /// <summary>Reads one event to its end.</summary>
    /// <exception cref="FormatException">It is no object, or repeats one of these members.</exception>
    /// <exception cref="JsonException">It is no JSON.</exception>
    /// <exception cref="InvalidOperationException">A text in it is no Unicode.</exception>
    public EventSkim(ReadOnlySpan<byte> data)
    {
        Index = -1;
        var reader = new Utf8JsonReader(data, Options);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new FormatException("the model server sent an event that is no object");
        }

        var seen = Members.Other;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var member = MemberAt(ref reader);
            RefuseRepeated(seen, member);
            seen |= member;
            reader.Read();
            switch (member)
            {
                case Members.Type:
                    Type = Text(ref reader, data);
                    break;
                case Members.ItemId:
                    Item = Text(ref reader, data);
                    break;
                case Members.OutputIndex:
                    Index = Number(ref reader);
                    break;
                case Members.Delta:
                    HasDelta = reader.TokenType == JsonTokenType.String;
                    Delta = HasDelta ? Inside(ref reader, data) : default;
                    break;
                case Members.Logprobs:
                    Logprobs = Array(ref reader, data);
                    break;
            }

            reader.Skip();
        }

        // Whatever stands behind the object makes the reader throw.
        reader.Read();
    }

    [Flags]
    private enum Members
    {
        Other = 0,
        Type = 1,
        ItemId = 2,
        OutputIndex = 4,
        Delta = 8,
        Logprobs = 16,
    }

    /// <summary>The type's text; empty where there is none.</summary>
    public ReadOnlySpan<byte> Type { get; }

    /// <summary>The text of <c>item_id</c>; empty where there is none.</summary>
    public ReadOnlySpan<byte> Item { get; }

    /// <summary>The <c>output_index</c>; -1 where there is none.</summary>
    public int Index { get; }

    /// <summary>The inside of <c>delta</c>, escapes and all; empty where there is none.</summary>
    public ReadOnlySpan<byte> Delta { get; }

    /// <summary>Whether <c>delta</c> is there and a string.</summary>
    public bool HasDelta { get; }

    /// <summary>The array <c>logprobs</c>; empty where it is none, or holds nothing.</summary>
    public ReadOnlySpan<byte> Logprobs { get; }

    private static Members MemberAt(ref Utf8JsonReader reader) =>
        ItemId.IsNamed(ref reader, "type"u8) ? Members.Type
        : ItemId.IsNamed(ref reader, "item_id"u8) ? Members.ItemId
        : ItemId.IsNamed(ref reader, "output_index"u8) ? Members.OutputIndex
        : ItemId.IsNamed(ref reader, "delta"u8) ? Members.Delta
        : ItemId.IsNamed(ref reader, "logprobs"u8) ? Members.Logprobs
        : Members.Other;

    private static void RefuseRepeated(Members seen, Members member)
    {
        if ((seen & member) != Members.Other)
        {
            throw new FormatException("the model server sent an event that repeats a member");
        }
    }

    private static ReadOnlySpan<byte> Text(scoped ref Utf8JsonReader reader, ReadOnlySpan<byte> data) =>
        reader.TokenType != JsonTokenType.String ? default
        : reader.ValueIsEscaped ? Encoding.UTF8.GetBytes(reader.GetString()!)
        : Inside(ref reader, data);

    private static ReadOnlySpan<byte> Inside(scoped ref Utf8JsonReader reader, ReadOnlySpan<byte> data) =>
        data.Slice((int)reader.TokenStartIndex + 1, reader.ValueSpan.Length);

    private static ReadOnlySpan<byte> Array(scoped ref Utf8JsonReader reader, ReadOnlySpan<byte> data)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            return default;
        }

        var start = (int)reader.TokenStartIndex;
        reader.Skip();
        var array = data[start..(int)reader.BytesConsumed];
        return array[1..^1].Trim(" \t"u8).IsEmpty ? default : array;
    }

    private static int Number(ref Utf8JsonReader reader) =>
        reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out var number) ? number : -1;
}
