using System.Text.Json;
using System.Text.Unicode;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Servers;

namespace Evergrain.Providers.Chat;

/// <summary>
/// Reads the chunks of one answer, <c>chat.completion.chunk</c> objects. Members may be null or missing, unknown ones
/// are skipped: servers differ. Texts go on as they are spelled.
/// </summary>
internal sealed class ChatDecoder(AnswerItems items) : IEventDecoder
{
    private Usage? _usage;
    private string? _finish;
    private bool _isOver;

    /// <inheritdoc/>
    public void Read(ReadOnlySpan<byte> data, List<ModelEvent> events)
    {
        if (_isOver || data.Trim(" \t\r\n"u8).IsEmpty)
        {
            return;
        }

        if (!Utf8.IsValid(data))
        {
            throw new FormatException("The model server sent an event that is not UTF-8.");
        }

        try
        {
            var reader = new Utf8JsonReader(data);
            reader.Read();
            ReadChunk(ref reader, data, events);
            reader.Read();
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new FormatException("The model server sent an event that is not the JSON it should be.", e);
        }
    }

    /// <inheritdoc/>
    public void ReadWhole(ReadOnlySpan<byte> json, List<ModelEvent> events) => Read(json, events);

    /// <inheritdoc/>
    public void Finish(bool isMarked, List<ModelEvent> events)
    {
        if (_isOver || _finish is null)
        {
            return;
        }

        _isOver = true;
        var end = EndOf(_finish) with { Usage = _usage };
        try
        {
            items.End(isCut: end.Kind != ModelEventKind.Completed, events);
        }
        catch (FormatException e)
        {
            end = new ModelEvent(ModelEventKind.Failed)
            {
                Code = ServerError.Unspecified, Message = e.Message, Usage = _usage,
            };
        }

        events.Add(end);
    }

    // Source: OpenAI's reference; model_length is Mistral's, abort and error vLLM's and SGLang's.
    private static ModelEvent EndOf(string finish) => finish switch
    {
        "length" or "model_length" or "max_tokens" =>
            new ModelEvent(ModelEventKind.Incomplete) { Code = "max_output_tokens" },
        "content_filter" => new ModelEvent(ModelEventKind.Incomplete) { Code = "content_filter" },
        "abort" or "error" => new ModelEvent(ModelEventKind.Failed)
        {
            Code = ServerError.Unspecified, Message = $"The model server ended its answer with '{finish}'.",
        },
        _ => new ModelEvent(ModelEventKind.Completed),
    };

    private void ReadChunk(ref Utf8JsonReader reader, ReadOnlySpan<byte> data, List<ModelEvent> events)
    {
        ChunkJson.Expect(JsonTokenType.StartObject, reader.TokenType);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (JsonContent.NameIs(ref reader, "choices"u8))
            {
                ReadChoices(ref reader, data, events);
            }
            else if (JsonContent.NameIs(ref reader, "usage"u8))
            {
                _usage = UsageReader.Read(ref reader) ?? _usage;
            }
            else if (JsonContent.NameIs(ref reader, "error"u8))
            {
                Fail(ServerError.Read(ref reader), events);
            }
            else if (JsonContent.NameIs(ref reader, "object"u8))
            {
                reader.Read();
                if (reader.TokenType == JsonTokenType.String && reader.ValueTextEquals("error"u8))
                {
                    // Source: older vLLM: the chunk itself is the error.
                    var whole = new Utf8JsonReader(data);
                    Fail(ServerError.Read(ref whole), events);
                }

                reader.Skip();
            }
            else
            {
                ChunkJson.Skip(ref reader);
            }
        }
    }

    private void Fail(ServerError? error, List<ModelEvent> events)
    {
        if (error is not null && !_isOver)
        {
            _isOver = true;
            events.Add(new ModelEvent(ModelEventKind.Failed)
            {
                Code = error.Code, Message = error.Message, Usage = _usage,
            });
        }
    }

    private void ReadChoices(ref Utf8JsonReader reader, ReadOnlySpan<byte> data, List<ModelEvent> events)
    {
        if (!ChunkJson.Enter(ref reader, JsonTokenType.StartArray))
        {
            return;
        }

        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            ReadChoice(ref reader, data, events);
        }
    }

    private void ReadChoice(ref Utf8JsonReader reader, ReadOnlySpan<byte> data, List<ModelEvent> events)
    {
        ChunkJson.Expect(JsonTokenType.StartObject, reader.TokenType);
        var isOurs = true;
        var delta = default(Utf8JsonReader);
        var finish = default(string);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (JsonContent.NameIs(ref reader, "delta"u8) || JsonContent.NameIs(ref reader, "message"u8))
            {
                delta = reader;
                ChunkJson.Skip(ref reader);
            }
            else if (JsonContent.NameIs(ref reader, "finish_reason"u8))
            {
                finish = ChunkJson.String(ref reader);
            }
            else if (JsonContent.NameIs(ref reader, "index"u8))
            {
                isOurs = ChunkJson.Number(ref reader) is null or 0;
            }
            else
            {
                ChunkJson.Skip(ref reader);
            }
        }

        if (isOurs && !_isOver)
        {
            _finish = finish ?? _finish;
            ReadDelta(ref delta, data, events);
        }
    }

    private void ReadDelta(ref Utf8JsonReader reader, ReadOnlySpan<byte> data, List<ModelEvent> events)
    {
        if (reader.TokenType == JsonTokenType.None || !ChunkJson.Enter(ref reader, JsonTokenType.StartObject))
        {
            return;
        }

        ReadOnlySpan<byte> content = default, reasoning = default, refusal = default;
        var calls = default(Utf8JsonReader);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (JsonContent.NameIs(ref reader, "content"u8))
            {
                content = ChunkJson.Text(ref reader);
            }
            else if (JsonContent.NameIs(ref reader, "reasoning_content"u8) ||
                JsonContent.NameIs(ref reader, "reasoning"u8))
            {
                // vLLM sends the same text under both names.
                var text = ChunkJson.Text(ref reader);
                reasoning = text.IsEmpty ? reasoning : text;
            }
            else if (JsonContent.NameIs(ref reader, "refusal"u8))
            {
                refusal = ChunkJson.Text(ref reader);
            }
            else if (JsonContent.NameIs(ref reader, "tool_calls"u8))
            {
                calls = reader;
                ChunkJson.Skip(ref reader);
            }
            else
            {
                ChunkJson.Skip(ref reader);
            }
        }

        items.Text(PartKind.ReasoningText, reasoning, events);
        items.Text(PartKind.OutputText, content, events);
        items.Text(PartKind.Refusal, refusal, events);
        ReadCalls(ref calls, data, events);
    }

    private void ReadCalls(ref Utf8JsonReader reader, ReadOnlySpan<byte> data, List<ModelEvent> events)
    {
        if (reader.TokenType == JsonTokenType.None || !ChunkJson.Enter(ref reader, JsonTokenType.StartArray))
        {
            return;
        }

        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            items.Call(CallReader.Read(ref reader, data), events);
        }
    }
}
