using System.Text.Json;
using Evergrain.Conversations;

namespace Evergrain.Frontend.Completions;

/// <summary>What chunks need of an event, in slices of its bytes. Most events are deltas, and are read once.</summary>
internal readonly struct ResponseEvent
{
    // An event holds a response, which holds parameters of a create's depth.
    private static readonly JsonReaderOptions Options = new() { MaxDepth = Limits.JsonDepthMax + 4 };

    private ResponseEvent(ReadOnlyMemory<byte> json)
    {
        var reader = new Utf8JsonReader(json.Span, Options);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var member = MemberAt(ref reader);
            reader.Read();
            var start = (int)reader.TokenStartIndex;
            reader.Skip();
            var value = json[start..(int)reader.BytesConsumed];
            switch (member)
            {
                case EventMember.Type:
                    Type = value[1..^1];
                    break;
                case EventMember.Delta:
                    Delta = value;
                    break;
                case EventMember.Logprobs:
                    Logprobs = value;
                    break;
                case EventMember.Item:
                    Item = value;
                    break;
                case EventMember.Response:
                    Response = value;
                    break;
                case EventMember.Output:
                    Output = reader.GetInt32();
                    break;
                case EventMember.Part:
                    Part = reader.GetInt32();
                    break;
            }
        }
    }

    /// <summary>The type, without quotes.</summary>
    public ReadOnlyMemory<byte> Type { get; }

    /// <summary>A string; empty: the event has none.</summary>
    public ReadOnlyMemory<byte> Delta { get; }

    /// <summary>An array; empty: the event has none.</summary>
    public ReadOnlyMemory<byte> Logprobs { get; }

    /// <summary>An output item; empty: the event has none.</summary>
    public ReadOnlyMemory<byte> Item { get; }

    /// <summary>A response; empty: the event has none.</summary>
    public ReadOnlyMemory<byte> Response { get; }

    /// <summary>The number of the item that it is about.</summary>
    public int Output { get; }

    /// <summary>The number of the part in it.</summary>
    public int Part { get; }

    /// <summary>Reads one of our events.</summary>
    public static ResponseEvent Read(ReadOnlyMemory<byte> json) => new(json);

    private static EventMember MemberAt(ref Utf8JsonReader reader) =>
        reader.ValueTextEquals("type"u8) ? EventMember.Type
        : reader.ValueTextEquals("delta"u8) ? EventMember.Delta
        : reader.ValueTextEquals("output_index"u8) ? EventMember.Output
        : reader.ValueTextEquals("content_index"u8) || reader.ValueTextEquals("summary_index"u8) ? EventMember.Part
        : reader.ValueTextEquals("logprobs"u8) ? EventMember.Logprobs
        : reader.ValueTextEquals("item"u8) ? EventMember.Item
        : reader.ValueTextEquals("response"u8) ? EventMember.Response
        : EventMember.Other;

    private enum EventMember
    {
        Other,
        Type,
        Delta,
        Logprobs,
        Item,
        Response,
        Output,
        Part,
    }
}
