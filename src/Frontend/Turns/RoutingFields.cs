using System.Buffers;
using System.Text;
using System.Text.Json;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Recognition;
using Evergrain.Conversations.Timing;
using Evergrain.Conversations.Wire;

namespace Evergrain.Frontend.Turns;

/// <summary>
/// The members of a request that say where it goes, read in one pass; everything else is the conversation's to judge.
/// </summary>
internal struct RoutingFields
{
    // Deepest nesting a request may have: as deep as the conversation reads.
    private const int DepthMax = 64;
    private const int EchoLengthMax = 128;

    /// <summary>What a request over a socket that begins a turn calls itself.</summary>
    public const string CreateType = "response.create";

    // The longest id is 5 + 22 + 1 + 22 characters; a text that is longer is not one of ours.
    private const int ParentLengthMax = 64;

    // Source: OpenAI's WebSocket guide; a longer name is no lane, and nobody waits on it.
    private const int LaneLengthMax = 256;

    public string? Type;

    /// <summary>The parent; null also where <see cref="UnknownParent"/> is set.</summary>
    public ResponseId? Parent;

    /// <summary>What names a parent and is no id of ours.</summary>
    public string? UnknownParent;

    /// <summary>The response a cancel names, as it came; null means the running one.</summary>
    public string? Response;

    /// <summary>The idempotency key; null: it has none.</summary>
    public string? Key;
    public bool IsUnstored;

    /// <summary>Whether there is a <c>stream_id</c> that is not null.</summary>
    public bool HasLane;

    /// <summary>The <c>stream_id</c>, which errors repeat; null also where it is no string of at most 256
    /// characters.</summary>
    public string? Lane;

    /// <summary>The model; null also where it is no string, which the conversation refuses.</summary>
    public string? Model;

    /// <summary>What <c>stream</c> is; <see cref="JsonTokenType.None"/>: it is not there.</summary>
    public JsonTokenType Stream;

    /// <summary>The trace that <c>client_metadata</c> names; null: it names none.</summary>
    public string? TraceParent;

    /// <summary>The state of that trace; null: there is none.</summary>
    public string? TraceState;

    /// <summary>The session that <c>client_metadata</c> names; null: it names none.</summary>
    public string? Session;
    private bool _isMetadata;

    /// <summary>What <c>background</c> is; <see cref="JsonTokenType.None"/>: it is not there.</summary>
    public JsonTokenType Background;

    /// <summary>Reads a request's top level once, without building anything of the rest.</summary>
    /// <returns>Why the request is refused; null if it is not. A refusal also fills what could be read.</returns>
    public static Refusal? Read(ReadOnlySpan<byte> request, out RoutingFields fields)
    {
        fields = default;
        try
        {
            return ReadFields(request, ref fields);
        }
        catch (JsonException e)
        {
            return new Refusal(RefusalKind.InvalidRequest,
                $"The request is not valid JSON: {JsonPlace.Of(e)}.");
        }
        catch (InvalidOperationException)
        {
            // The reader's word for an unpaired surrogate in a name or value that must be read as text.
            return new Refusal(RefusalKind.InvalidRequest,
                "The request's member names and ids must be Unicode text: one holds an unpaired surrogate.");
        }
    }

    /// <summary>Reads a request without what was read before of it, or in full where anything is wrong.</summary>
    /// <param name="request">The request.</param>
    /// <param name="known">What was read before; null: nothing, or it does not help.</param>
    /// <param name="fields">What the request says.</param>
    /// <returns>Why the request is refused; null if it is not.</returns>
    public static Refusal? Read(ReadOnlySpan<byte> request, ref KnownPrefix? known, out RoutingFields fields)
    {
        if (known is not null && Read(known.Rest.Span, out fields) is null)
        {
            return null;
        }

        known = null;
        return Read(request, out fields);
    }

    /// <summary>Why these cannot be the fields of a create; null if they can.</summary>
    public readonly Refusal? CheckCreate() =>
        (Key is null ? null : IdempotencyKey.Check(Key)) ?? (UnknownParent is null
            ? null
            : new Refusal(RefusalKind.PreviousResponseNotFound,
                $"Previous response with id '{Shorten(UnknownParent)}' not found.", "previous_response_id"));

    /// <summary>A client's text as an error message repeats it.</summary>
    public static string Shorten(string text) => text.Length <= EchoLengthMax ? text : text[..EchoLengthMax] + "…";

    private static Refusal? ReadFields(ReadOnlySpan<byte> request, ref RoutingFields fields)
    {
        // One level more than allowed, so that too deep is told apart from malformed.
        var json = new Utf8JsonReader(request, new JsonReaderOptions { MaxDepth = DepthMax + 1 });
        var isObject = json.Read() && json.TokenType == JsonTokenType.StartObject;
        var refusal = isObject
            ? null
            : new Refusal(RefusalKind.InvalidRequest, "The request must be a JSON object.");
        while (json.Read())
        {
            if (json.CurrentDepth >= DepthMax &&
                    json.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray)
            {
                return new Refusal(RefusalKind.InvalidRequest,
                    $"The request is nested more than {DepthMax} levels deep.");
            }

            if (isObject && json.CurrentDepth == 1 && json.TokenType == JsonTokenType.PropertyName)
            {
                // Read on behind a mistake: the lane that waits for the answer may come later.
                fields._isMetadata = false;
                var found = ReadField(ref json, ref fields);
                refusal ??= found;
            }
            else if (fields._isMetadata && json.CurrentDepth == 2 && json.TokenType == JsonTokenType.PropertyName)
            {
                ReadOrigin(ref json, ref fields);
            }
        }

        return refusal;
    }

    private static Refusal? ReadField(ref Utf8JsonReader json, ref RoutingFields fields)
    {
        if (json.ValueTextEquals("type"u8))
        {
            json.Read();
            return TakeType(ref json, ref fields.Type);
        }

        if (json.ValueTextEquals("previous_response_id"u8))
        {
            json.Read();
            return TakeParent(ref json, ref fields);
        }

        if (json.ValueTextEquals("response_id"u8))
        {
            json.Read();
            return TakeText(ref json, "response_id", ref fields.Response);
        }

        if (json.ValueTextEquals("idempotency_key"u8))
        {
            json.Read();
            return TakeText(ref json, IdempotencyKey.Member, ref fields.Key);
        }

        if (json.ValueTextEquals("store"u8))
        {
            json.Read();
            return TakeStore(ref json, ref fields);
        }

        ReadLenient(ref json, ref fields);
        return null;
    }

    /// <summary>Members whose wrong values are judged elsewhere, or on one transport only.</summary>
    private static void ReadLenient(ref Utf8JsonReader json, ref RoutingFields fields)
    {
        if (json.ValueTextEquals("model"u8))
        {
            json.Read();
            fields.Model = json.TokenType == JsonTokenType.String ? json.GetString() : null;
        }
        else if (json.ValueTextEquals("stream_id"u8))
        {
            json.Read();
            fields.HasLane |= json.TokenType != JsonTokenType.Null;
            fields.Lane ??= ReadLane(ref json);
        }
        else if (json.ValueTextEquals("stream"u8))
        {
            json.Read();
            fields.Stream = json.TokenType;
        }
        else if (json.ValueTextEquals("background"u8))
        {
            json.Read();
            fields.Background = json.TokenType;
        }
        else if (json.ValueTextEquals("client_metadata"u8))
        {
            json.Read();
            fields._isMetadata = json.TokenType == JsonTokenType.StartObject;
        }
    }

    /// <summary>
    /// A trace and a session in <c>client_metadata</c>, where a socket has no headers of its own for each create.
    /// Source: Codex.
    /// </summary>
    private static void ReadOrigin(ref Utf8JsonReader json, ref RoutingFields fields)
    {
        if (json.ValueTextEquals("ws_request_header_traceparent"u8) || json.ValueTextEquals("traceparent"u8))
        {
            json.Read();
            fields.TraceParent ??= ReadAscii(ref json, TraceContext.ParentChars);
        }
        else if (json.ValueTextEquals("ws_request_header_tracestate"u8) || json.ValueTextEquals("tracestate"u8))
        {
            json.Read();
            fields.TraceState ??= ReadAscii(ref json, TraceContext.StateCharsMax);
        }
        else if (json.ValueTextEquals("session_id"u8))
        {
            json.Read();
            fields.Session ??= ReadAscii(ref json, TurnOrigin.SessionCharsMax);
        }
    }

    private static string? ReadAscii(ref Utf8JsonReader json, int lengthMax) =>
        json.TokenType == JsonTokenType.String && !json.ValueIsEscaped && json.ValueSpan.Length <= lengthMax &&
        Ascii.IsValid(json.ValueSpan)
            ? Encoding.ASCII.GetString(json.ValueSpan)
            : null;

    private static string? ReadLane(ref Utf8JsonReader json)
    {
        // An escaped character takes at most six bytes for one.
        if (json.TokenType != JsonTokenType.String || json.ValueSpan.Length > 6 * LaneLengthMax)
        {
            return null;
        }

        try
        {
            return json.GetString() is { Length: <= LaneLengthMax } lane ? lane : null;
        }
        catch (InvalidOperationException)
        {
            // Half a surrogate pair: what cannot be written again is not repeated.
            return null;
        }
    }

    private static Refusal? TakeType(ref Utf8JsonReader json, ref string? type)
    {
        if (type is null && json.TokenType == JsonTokenType.String && json.ValueTextEquals("response.create"u8))
        {
            // Nearly every frame: no string is made of it.
            type = CreateType;
            return null;
        }

        return TakeText(ref json, "type", ref type);
    }

    private static Refusal? TakeParent(ref Utf8JsonReader json, ref RoutingFields fields)
    {
        // An id is ASCII: it is read where it stands. Anything else is read as text, which an error message repeats.
        var isFirst = fields.Parent is null && fields.UnknownParent is null;
        Span<char> ascii = stackalloc char[ParentLengthMax];
        if (isFirst && json.TokenType == JsonTokenType.String &&
            Ascii.ToUtf16(json.ValueSpan, ascii, out var length) == OperationStatus.Done &&
            ResponseId.TryParse(ascii[..length], out var id))
        {
            fields.Parent = id;
            return null;
        }

        var text = isFirst ? null : string.Empty;
        var refusal = TakeText(ref json, "previous_response_id", ref text);
        if (isFirst && ResponseId.TryParse(text, out id))
        {
            fields.Parent = id;
        }
        else if (isFirst)
        {
            fields.UnknownParent = text;
        }

        return refusal;
    }

    private static Refusal? TakeText(ref Utf8JsonReader json, string name, ref string? value)
    {
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

    private static Refusal? TakeStore(ref Utf8JsonReader json, ref RoutingFields fields)
    {
        if (json.TokenType is not (JsonTokenType.True or JsonTokenType.False or JsonTokenType.Null))
        {
            return new Refusal(RefusalKind.InvalidRequest, "'store' must be true or false.", "store");
        }

        fields.IsUnstored |= json.TokenType == JsonTokenType.False;
        return null;
    }
}
