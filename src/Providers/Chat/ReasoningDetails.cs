using System.Buffers;
using System.Text.Json;

namespace Evergrain.Providers.Chat;

/// <summary>
/// The <c>reasoning_details</c> of an answer, put together from those of its chunks: entries of one index, type and id
/// are one entry, whose texts come in pieces.
/// </summary>
/// <remarks>Source: OpenRouter's documentation of reasoning tokens.</remarks>
internal sealed class ReasoningDetails
{
    // An answer has a few, with six members each: each piece is compared with all of them.
    private const int EntriesMax = 256;
    private const int MembersMax = 32;

    private readonly List<Entry> _entries = [];
    private long _bytes;
    private bool _isTooMany;

    /// <summary>Whether there are none, or too many to keep.</summary>
    public bool IsEmpty => _entries.Count == 0 || _isTooMany;

    /// <summary>Reads those of one chunk.</summary>
    /// <param name="list">The list; anything else is passed over.</param>
    public void Read(ReadOnlySpan<byte> list)
    {
        if (list is not [(byte)'[', ..])
        {
            return;
        }

        var reader = new Utf8JsonReader(list);
        reader.Read();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            var json = ChunkJson.PassThis(ref reader, list);
            _bytes += json.Length;
            _isTooMany |= _bytes > ServerMembers.BytesMax;
            if (json is [(byte)'{', ..] && !_isTooMany)
            {
                Add(Entry.Read(json));
            }
        }
    }

    /// <summary>Writes the list.</summary>
    public void WriteTo(BodyWriter output)
    {
        for (var i = 0; i < _entries.Count; i++)
        {
            output.Raw(i == 0 ? "["u8 : ","u8);
            _entries[i].WriteTo(output);
        }

        output.Raw("]"u8);
    }

    private void Add(Entry piece)
    {
        var known = _entries.Find(entry => entry.GoesOnWith(piece));
        known?.Add(piece);
        if (known is null)
        {
            _entries.Add(piece);
        }

        _isTooMany = _entries.Count > EntriesMax || (known ?? piece).IsTooLong;
    }

    private sealed class Entry
    {
        // Texts are the insides of JSON strings, other values whole.
        private readonly List<(string Name, ArrayBufferWriter<byte> Value, bool IsText)> _members = new(6);

        /// <summary>Whether it has more members than are kept.</summary>
        public bool IsTooLong => _members.Count > MembersMax;

        public static Entry Read(ReadOnlySpan<byte> json)
        {
            var entry = new Entry();
            var reader = new Utf8JsonReader(json);
            reader.Read();
            while (!entry.IsTooLong && reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var name = reader.GetString()!;
                var value = ChunkJson.Pass(ref reader, json);
                var isText = name is "text" or "summary" or "data" && value is [(byte)'"', ..];
                if (!value.IsEmpty)
                {
                    entry.Set(name, isText ? value[1..^1] : value, isText);
                }
            }

            return entry;
        }

        /// <summary>Whether a piece is more of this entry. An id may be missing in either.</summary>
        public bool GoesOnWith(Entry piece) =>
            Of("index").SequenceEqual(piece.Of("index")) && Of("type").SequenceEqual(piece.Of("type")) &&
            (Of("id").IsEmpty || piece.Of("id").IsEmpty || Of("id").SequenceEqual(piece.Of("id")));

        public void Add(Entry piece)
        {
            foreach (var (name, value, isText) in piece._members)
            {
                Set(name, value.WrittenSpan, isText);
            }
        }

        public void WriteTo(BodyWriter output)
        {
            for (var i = 0; i < _members.Count; i++)
            {
                var (name, value, isText) = _members[i];
                output.Raw(i == 0 ? "{"u8 : ","u8).Quoted(name).Raw(isText ? ":\""u8 : ":"u8)
                    .Raw(value.WrittenSpan).Raw(isText ? "\""u8 : default);
            }

            output.Raw(_members.Count == 0 ? "{}"u8 : "}"u8);
        }

        private ReadOnlySpan<byte> Of(string name) =>
            _members.Find(member => member.Name == name).Value is { } value ? value.WrittenSpan : default;

        /// <summary>Adds to a text; puts another value in the place of the one before.</summary>
        private void Set(string name, ReadOnlySpan<byte> value, bool isText)
        {
            var at = _members.FindIndex(member => member.Name == name);
            if (at < 0 || _members[at].IsText != isText)
            {
                _members.RemoveAll(member => member.Name == name);
                at = _members.Count;
                _members.Add((name, new ArrayBufferWriter<byte>(), isText));
            }

            if (!isText)
            {
                _members[at].Value.ResetWrittenCount();
            }

            _members[at].Value.Write(value);
        }
    }
}
