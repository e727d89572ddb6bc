using System.Text.Json;
using System.Text.Unicode;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Servers;

namespace Evergrain.Providers.Chat;

/// <summary>
/// Reads the chunks of one answer, <c>chat.completion.chunk</c> objects, or one <c>chat.completion</c>. Members may be
/// null or missing, unknown ones are skipped: servers differ. Texts go on as they are spelled.
/// </summary>
internal sealed class ChatDecoder(AnswerItems items) : IEventDecoder
{
    private readonly DeltaReader _deltas = new(items);
    private Usage? _usage;
    private Usage? _timings;
    private string? _finish;
    private string? _upstreamFinish;
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
    /// <remarks>Gemini puts an error into an array.</remarks>
    public void ReadWhole(ReadOnlySpan<byte> json, List<ModelEvent> events)
    {
        var document = json.Trim(" \t\r\n"u8);
        Read(document is [(byte)'[', .. var only, (byte)']'] ? only : document, events);
    }

    /// <inheritdoc/>
    /// <remarks>
    /// OpenAI's SDKs take <c>[DONE]</c> for the end, so it ends an answer without a finish reason. An answer without a
    /// finish reason and without output is none: a server that gave up sends <c>[DONE]</c> too.
    /// </remarks>
    public void Finish(bool isMarked, List<ModelEvent> events)
    {
        if (_isOver || (_finish is null && !(isMarked && items.HasOutput)))
        {
            return;
        }

        _isOver = true;
        var end = ChatEnding.Of(_finish, _upstreamFinish);
        try
        {
            var isWhole = items.End(isCut: end.Kind != ModelEventKind.Completed, events);
            end = end.Kind == ModelEventKind.Completed && !isWhole ? ChatEnding.Cut : end;
        }
        catch (FormatException e)
        {
            end = new ModelEvent(ModelEventKind.Failed) { Code = ServerError.Unspecified, Message = e.Message };
        }

        events.Add(end with { Usage = _usage ?? _timings });
    }

    private void ReadChunk(ref Utf8JsonReader reader, ReadOnlySpan<byte> data, List<ModelEvent> events)
    {
        ChunkJson.Expect(JsonTokenType.StartObject, reader.TokenType);
        var (isError, hasChoices, hasMessage) = (false, false, false);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (JsonContent.NameIs(ref reader, "choices"u8))
            {
                hasChoices = true;
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
            else if (JsonContent.NameIs(ref reader, "object"u8) || JsonContent.NameIs(ref reader, "type"u8))
            {
                isError |= ChunkJson.Is(ref reader, "error"u8);
            }
            else if (JsonContent.NameIs(ref reader, "message"u8) || JsonContent.NameIs(ref reader, "detail"u8))
            {
                hasMessage |= !ChunkJson.TextIfAny(ref reader).IsEmpty;
            }
            else
            {
                ReadExtension(ref reader, events);
            }
        }

        if (isError || (hasMessage && !hasChoices))
        {
            // Source: SGLang, older vLLM and FastAPI: the chunk itself is the error.
            var whole = new Utf8JsonReader(data);
            Fail(ServerError.Read(ref whole), events);
        }
    }

    /// <summary>Reads what only some servers add.</summary>
    private void ReadExtension(ref Utf8JsonReader reader, List<ModelEvent> events)
    {
        if (JsonContent.NameIs(ref reader, "timings"u8))
        {
            _timings = UsageReader.ReadTimings(ref reader) ?? _timings;
        }
        else if (JsonContent.NameIs(ref reader, "x_groq"u8))
        {
            ReadGroq(ref reader, events);
        }
        else
        {
            ChunkJson.Skip(ref reader);
        }
    }

    // Source: Groq's SDK: its error says why a stream stopped early.
    private void ReadGroq(ref Utf8JsonReader reader, List<ModelEvent> events)
    {
        if (!ChunkJson.TryEnter(ref reader))
        {
            reader.Skip();
            return;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (JsonContent.NameIs(ref reader, "usage"u8))
            {
                _usage = UsageReader.Read(ref reader) ?? _usage;
            }
            else if (JsonContent.NameIs(ref reader, "error"u8))
            {
                Fail(ServerError.Read(ref reader), events);
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
                Code = error.Code, Message = error.Message, Usage = _usage ?? _timings,
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
        var choice = new Choice();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            choice.ReadMember(ref reader, data);
        }

        if (choice.IsOther || _isOver)
        {
            return;
        }

        // Of two reasons the worse one counts: a cut answer stays cut.
        _finish = string.IsNullOrEmpty(choice.Finish) || ChatEnding.IsBad(_finish) ? _finish : choice.Finish;
        _upstreamFinish = string.IsNullOrEmpty(choice.UpstreamFinish) ? _upstreamFinish : choice.UpstreamFinish;
        _usage = choice.Usage ?? _usage;
        var logprobs = ChatLogprobs.Read(choice.Logprobs);
        _deltas.Read(choice.Delta, logprobs, events);
        if (items.IsEmpty)
        {
            // A stream may end with the whole message once more: it counts where nothing streamed.
            _deltas.Read(choice.Message, logprobs, events);
        }

        Fail(choice.Error ?? _deltas.Error, events);
    }

    /// <summary>What one choice says; its larger parts are JSON values.</summary>
    private ref struct Choice
    {
        public ReadOnlySpan<byte> Delta { get; private set; }

        public ReadOnlySpan<byte> Message { get; private set; }

        public ReadOnlySpan<byte> Logprobs { get; private set; }

        public string? Finish { get; private set; }

        /// <summary>What a server behind a router said.</summary>
        public string? UpstreamFinish { get; private set; }

        public ServerError? Error { get; private set; }

        public Usage? Usage { get; private set; }

        /// <summary>Whether it is a second choice, which nobody asked for.</summary>
        public bool IsOther { get; private set; }

        public void ReadMember(scoped ref Utf8JsonReader reader, ReadOnlySpan<byte> data)
        {
            if (JsonContent.NameIs(ref reader, "delta"u8))
            {
                Delta = ChunkJson.Pass(ref reader, data);
            }
            else if (JsonContent.NameIs(ref reader, "message"u8))
            {
                Message = ChunkJson.Pass(ref reader, data);
            }
            else if (JsonContent.NameIs(ref reader, "logprobs"u8))
            {
                Logprobs = ChunkJson.Pass(ref reader, data);
            }
            else if (JsonContent.NameIs(ref reader, "finish_reason"u8))
            {
                Finish = ChunkJson.String(ref reader);
            }
            else if (JsonContent.NameIs(ref reader, "native_finish_reason"u8))
            {
                UpstreamFinish = ChunkJson.Word(ref reader);
            }
            else if (JsonContent.NameIs(ref reader, "index"u8))
            {
                IsOther = ChunkJson.Number(ref reader) is not (null or 0);
            }
            else if (JsonContent.NameIs(ref reader, "error"u8))
            {
                Error = ServerError.Read(ref reader);
            }
            else if (JsonContent.NameIs(ref reader, "usage"u8))
            {
                // Source: Moonshot.
                Usage = UsageReader.Read(ref reader);
            }
            else
            {
                ChunkJson.Skip(ref reader);
            }
        }
    }
}
