using System.Text.Json;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Frontend.Sockets;

/// <summary>What a client's frame asks for.</summary>
internal enum FrameKind
{
    /// <summary><c>response.create</c></summary>
    Create,

    /// <summary><c>response.cancel</c></summary>
    Cancel,

    /// <summary><c>response.processed</c>: an acknowledgement nobody waits for.</summary>
    Processed,
}

/// <summary>The routing fields of one frame; everything else is the conversation's to judge.</summary>
internal readonly record struct FrameSkim(FrameKind Kind)
{
    // Deepest nesting a frame may have: as deep as the conversation reads.
    private const int DepthMax = 64;
    private const int EchoLengthMax = 128;

    /// <summary>The parent of a create; null begins a conversation.</summary>
    public ResponseId? Parent { get; private init; }

    /// <summary>Whether a create's turn is to be stored; the wire's default is true.</summary>
    public bool Store { get; private init; }

    /// <summary>A create's model, as it came; null if it names none.</summary>
    public string? Model { get; private init; }

    /// <summary>The response a cancel names, as it came; null means the running one.</summary>
    public string? ResponseId { get; private init; }

    /// <summary>Reads a frame's top level once, without building anything of the rest.</summary>
    /// <returns>Why the frame is refused; null if it is not.</returns>
    public static Refusal? Read(ReadOnlySpan<byte> frame, out FrameSkim skim)
    {
        skim = default;
        try
        {
            var fields = default(Fields);
            return ReadFields(frame, ref fields) ?? Judge(fields, out skim);
        }
        catch (JsonException e)
        {
            return new Refusal(RefusalKind.InvalidRequest,
                $"The frame is not valid JSON: line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}.");
        }
        catch (InvalidOperationException)
        {
            // The reader's word for an unpaired surrogate in a name or value that must be read as text.
            return new Refusal(RefusalKind.InvalidRequest,
                "The frame's member names and ids must be Unicode text: one holds an unpaired surrogate.");
        }
    }

    private static Refusal? ReadFields(ReadOnlySpan<byte> frame, ref Fields fields)
    {
        // One level more than allowed, so that too deep is told apart from malformed.
        var json = new Utf8JsonReader(frame, new JsonReaderOptions { MaxDepth = DepthMax + 1 });
        var isObject = json.Read() && json.TokenType == JsonTokenType.StartObject;
        var refusal = isObject
            ? null
            : new Refusal(RefusalKind.InvalidRequest, "The frame must be a JSON object.");
        while (json.Read())
        {
            if (json.CurrentDepth >= DepthMax &&
                    json.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray)
            {
                return new Refusal(RefusalKind.InvalidRequest,
                    $"The frame is nested more than {DepthMax} levels deep.");
            }

            if (isObject && json.CurrentDepth == 1 && json.TokenType == JsonTokenType.PropertyName)
            {
                refusal ??= ReadField(ref json, ref fields);
            }
        }

        return refusal;
    }

    private static Refusal? ReadField(ref Utf8JsonReader json, ref Fields fields)
    {
        if (json.ValueTextEquals("type"u8))
        {
            return ReadText(ref json, "type", ref fields.Type);
        }

        if (json.ValueTextEquals("previous_response_id"u8))
        {
            return ReadText(ref json, "previous_response_id", ref fields.Parent);
        }

        if (json.ValueTextEquals("model"u8))
        {
            return ReadText(ref json, "model", ref fields.Model);
        }

        if (json.ValueTextEquals("response_id"u8))
        {
            return ReadText(ref json, "response_id", ref fields.Response);
        }

        if (json.ValueTextEquals("stream_id"u8))
        {
            json.Read();
            fields.HasLane |= json.TokenType != JsonTokenType.Null;
            return null;
        }

        return json.ValueTextEquals("store"u8) ? ReadStore(ref json, ref fields) : null;
    }

    private static Refusal? ReadText(ref Utf8JsonReader json, string name, ref string? value)
    {
        json.Read();
        if (json.TokenType is not (JsonTokenType.String or JsonTokenType.Null))
        {
            return new Refusal(RefusalKind.InvalidRequest, $"'{name}' must be a string.", name);
        }

        if (value is not null)
        {
            return new Refusal(RefusalKind.InvalidRequest, $"'{name}' is there twice.", name);
        }

        try
        {
            value = json.GetString();
            return null;
        }
        catch (InvalidOperationException)
        {
            // An escaped surrogate without its other half.
            return new Refusal(RefusalKind.InvalidRequest, $"'{name}' is not valid Unicode.", name);
        }
    }

    private static Refusal? ReadStore(ref Utf8JsonReader json, ref Fields fields)
    {
        json.Read();
        if (json.TokenType is not (JsonTokenType.True or JsonTokenType.False or JsonTokenType.Null))
        {
            return new Refusal(RefusalKind.InvalidRequest, "'store' must be true or false.", "store");
        }

        fields.IsUnstored |= json.TokenType == JsonTokenType.False;
        return null;
    }

    private static Refusal? Judge(Fields fields, out FrameSkim skim)
    {
        skim = default;
        switch (fields.Type)
        {
            case "response.create":
                return JudgeCreate(fields, out skim);
            case "response.cancel":
                skim = new FrameSkim(FrameKind.Cancel) { ResponseId = fields.Response };
                return null;
            case "response.processed":
                skim = new FrameSkim(FrameKind.Processed);
                return null;
            case null:
                return new Refusal(RefusalKind.MissingField, "'type' is missing: send 'response.create'.", "type");
            default:
                return new Refusal(RefusalKind.InvalidRequest,
                    $"The type '{Shorten(fields.Type)}' is not known: send 'response.create'.", "type");
        }
    }

    private static Refusal? JudgeCreate(Fields fields, out FrameSkim skim)
    {
        skim = default;
        if (fields.HasLane)
        {
            return new Refusal(RefusalKind.InvalidRequest,
                "Lanes are not supported yet: leave 'stream_id' out.", "stream_id");
        }

        ResponseId? parent = null;
        if (fields.Parent is { } text)
        {
            if (!Conversations.Ids.ResponseId.TryParse(text, out var id))
            {
                return new Refusal(RefusalKind.PreviousResponseNotFound,
                    $"Previous response with id '{Shorten(text)}' not found.", "previous_response_id");
            }

            parent = id;
        }

        skim = new FrameSkim(FrameKind.Create) 
        {
            Parent = parent,
            Store = !fields.IsUnstored,
            Model = fields.Model,
        };
        return null;
    }

    private static string Shorten(string text) => text.Length <= EchoLengthMax ? text : text[..EchoLengthMax] + "…";

    private struct Fields
    {
        public string? Type;
        public string? Parent;
        public string? Model;
        public string? Response;
        public bool IsUnstored;
        public bool HasLane;
    }
}
