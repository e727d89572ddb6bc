using System.Text.Json;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Wire;

namespace Evergrain.Conversations.Turns;

/// <summary>A create, split into its fields: every byte of its JSON is read once, nothing is copied.</summary>
internal sealed class CreateRequest
{
    private static readonly JsonReaderOptions ReaderOptions = new() { MaxDepth = Limits.JsonDepthMax };
    private static readonly string[] Unsupported = ["conversation", "prompt"];
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);

    private CreateRequest()
    {
    }

    public string Model { get; private set; } = string.Empty;

    public string? PreviousResponseId { get; private set; }

    public bool Store { get; private set; } = true;

    public bool Generate { get; private set; } = true;

    /// <summary>The input items' JSON, in order; a string input is the one user message that it stands for.</summary>
    public List<ReadOnlyMemory<byte>> Input { get; } = [];

    /// <summary>The kept fields and their values' JSON; nulls are left out, they mean the default.</summary>
    public List<(ParameterField Field, ReadOnlyMemory<byte> Json)> Parameters { get; } = [];

    /// <summary>Splits a create.</summary>
    /// <exception cref="ConversationException">It is malformed; the refusal names the field.</exception>
    public static CreateRequest Parse(ReadOnlyMemory<byte> json)
    {
        var create = new CreateRequest();
        try
        {
            var reader = new Utf8JsonReader(json.Span, ReaderOptions);
            create.ReadMembers(ref reader, json);
        }
        catch (JsonException e)
        {
            throw new ConversationException(
                new Refusal(RefusalKind.InvalidRequest, $"The request is not valid JSON: {JsonPlace.Of(e)}."), e);
        }
        catch (InvalidOperationException e)
        {
            // The reader's word for an unpaired surrogate in a name or value that must be read as text.
            throw new ConversationException(new Refusal(RefusalKind.InvalidRequest,
                "The request's member names and ids must be Unicode text: one holds an unpaired surrogate."), e);
        }

        create.CheckWhole();
        return create;
    }

    private void ReadMembers(ref Utf8JsonReader reader, ReadOnlyMemory<byte> json)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw Invalid("The request must be a JSON object.", null);
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            if (!_names.Add(name))
            {
                throw Invalid($"'{name}' is there twice.", name);
            }

            reader.Read();
            ReadMember(name, ref reader, json);
        }

        reader.Read();
    }

    private void ReadMember(string name, ref Utf8JsonReader reader, ReadOnlyMemory<byte> json)
    {
        switch (name)
        {
            case "store":
                Store = ReadFlag(name, ref reader);
                return;
            case "generate":
                Generate = ReadFlag(name, ref reader);
                return;
            case "previous_response_id":
                PreviousResponseId = reader.TokenType is JsonTokenType.String or JsonTokenType.Null
                    ? reader.GetString()
                    : throw Invalid($"'{name}' must be a string.", name);
                return;
            case "input":
                ReadInput(ref reader, json);
                return;
            case "background":
                // It means nothing on a socket: whether a turn is one is for the frontend to say.
                reader.Skip();
                return;
        }

        if (Unsupported.Contains(name) && reader.TokenType != JsonTokenType.Null)
        {
            throw Invalid($"'{name}' is not supported by this server: send 'previous_response_id' and 'input'.", name);
        }

        // Not among the rules of the field: journals of earlier builds hold other values.
        if (name == "truncation" && reader.TokenType == JsonTokenType.String && !reader.ValueTextEquals("disabled"u8))
        {
            throw Invalid("'truncation' must be \"disabled\" or null: this server drops no items.", name);
        }

        var (start, isNull) = ((int)reader.TokenStartIndex, reader.TokenType == JsonTokenType.Null);
        reader.Skip();
        if (!isNull && ParameterFields.Find(name) is { } field)
        {
            Parameters.Add((field, json[start..(int)reader.BytesConsumed]));
        }

        if (name == "model" && reader.TokenType == JsonTokenType.String)
        {
            Model = reader.GetString()!;
        }
    }

    private static bool ReadFlag(string name, ref Utf8JsonReader reader) => reader.TokenType switch
    {
        JsonTokenType.Null or JsonTokenType.True => true,
        JsonTokenType.False => false,
        _ => throw Invalid($"'{name}' must be true or false.", name),
    };

    private void ReadInput(ref Utf8JsonReader reader, ReadOnlyMemory<byte> json)
    {
        if (reader.TokenType == JsonTokenType.String)
        {
            var text = json[(int)reader.TokenStartIndex..(int)reader.BytesConsumed];
            Input.Add(UserMessage(text.Span));
            return;
        }

        if (reader.TokenType == JsonTokenType.Null)
        {
            _names.Remove("input");
            return;
        }

        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw Invalid("'input' must be a string or an array of items.", "input");
        }

        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            ReadItem(ref reader, json);
        }
    }

    private void ReadItem(ref Utf8JsonReader reader, ReadOnlyMemory<byte> json)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw Invalid($"'input[{Input.Count}]' must be an object.", $"input[{Input.Count}]");
        }

        if (Input.Count == Limits.InputItemsMax)
        {
            throw Invalid($"'input' has too many items: at most {Limits.InputItemsMax} in one request.", "input");
        }

        var start = (int)reader.TokenStartIndex;
        reader.Skip();
        Input.Add(json[start..(int)reader.BytesConsumed]);
    }

    private void CheckWhole()
    {
        if (!Parameters.Exists(parameter => parameter.Field.Name == "model"))
        {
            throw ConversationException.Of(RefusalKind.MissingField, "'model' is missing.", "model");
        }

        if (Generate && PreviousResponseId is null && !_names.Contains("input"))
        {
            throw ConversationException.Of(RefusalKind.MissingField, "'input' is missing.", "input");
        }
    }

    private static byte[] UserMessage(ReadOnlySpan<byte> text) =>
        [.. """{"type":"message","role":"user","content":"""u8, .. text, .. "}"u8];

    private static ConversationException Invalid(string message, string? param) =>
        ConversationException.Of(RefusalKind.InvalidRequest, message, param);
}
