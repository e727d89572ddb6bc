using System.Text.Json;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Chat;

/// <summary>Reads a choice's <c>delta</c> or <c>message</c> and adds what it says to the answer.</summary>
/// <param name="items">The answer's items.</param>
internal sealed class DeltaReader(AnswerItems items)
{
    /// <summary>An error that a delta held.</summary>
    public ServerError? Error { get; private set; }

    /// <summary>Reads one delta.</summary>
    /// <param name="reader">It stands on the delta; on nothing where there is none.</param>
    /// <param name="data">The bytes it reads.</param>
    /// <param name="logprobs">Log probabilities of its text; see <see cref="ModelEvent.Logprobs"/>.</param>
    /// <param name="events">Takes the events.</param>
    public void Read(Utf8JsonReader reader, ReadOnlySpan<byte> data, ReadOnlySpan<byte> logprobs,
        List<ModelEvent> events)
    {
        if (reader.TokenType is JsonTokenType.None or JsonTokenType.Null)
        {
            return;
        }

        ChunkJson.Expect(JsonTokenType.StartObject, reader.TokenType);
        var delta = new Delta();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            ReadMember(ref reader, data, ref delta);
        }

        items.Text(PartKind.ReasoningText, delta.Reasoning, events);
        items.Text(PartKind.OutputText, delta.Content, events, logprobs);
        AnswerContent.Read(delta.Parts, items, events);
        items.Text(PartKind.Refusal, delta.Refusal, events);
        ReadCalls(delta.Calls, data, events);
    }

    private void ReadMember(ref Utf8JsonReader reader, ReadOnlySpan<byte> data, ref Delta delta)
    {
        if (JsonContent.NameIs(ref reader, "content"u8))
        {
            var value = ChunkJson.Pass(ref reader);
            var isText = value.TokenType is JsonTokenType.String or JsonTokenType.Null;
            delta.Content = isText ? ChunkJson.Inside(ref value) : default;
            delta.Parts = isText ? default : value;
        }
        else if (JsonContent.NameIs(ref reader, "tool_calls"u8))
        {
            delta.Calls = ChunkJson.Pass(ref reader);
        }
        else if (JsonContent.NameIs(ref reader, "refusal"u8))
        {
            delta.Refusal = ChunkJson.Text(ref reader);
        }
        else if (IsThought(ref reader))
        {
            // vLLM sends the same text under two names.
            var thought = ChunkJson.TextIfAny(ref reader);
            delta.Reasoning = thought.IsEmpty ? delta.Reasoning : thought;
        }
        else if (JsonContent.NameIs(ref reader, "error"u8))
        {
            Error ??= ServerError.Read(ref reader);
        }
        else if (!items.ServerMembers.TryRead(ref reader, data))
        {
            ChunkJson.Skip(ref reader);
        }
    }

    // Sources: reasoning_content of DeepSeek, SGLang, llama.cpp and older vLLM; reasoning of vLLM, OpenRouter, Groq,
    // Ollama and LM Studio; reasoning_text of GitHub Copilot; thinking of proxies before Anthropic's models.
    private static bool IsThought(ref Utf8JsonReader reader) =>
        JsonContent.NameIs(ref reader, "reasoning_content"u8) || JsonContent.NameIs(ref reader, "reasoning"u8) ||
        JsonContent.NameIs(ref reader, "reasoning_text"u8) || JsonContent.NameIs(ref reader, "thinking"u8);

    private void ReadCalls(Utf8JsonReader reader, ReadOnlySpan<byte> data, List<ModelEvent> events)
    {
        if (reader.TokenType is JsonTokenType.None or JsonTokenType.Null)
        {
            return;
        }

        ChunkJson.Expect(JsonTokenType.StartArray, reader.TokenType);
        for (var place = 0; reader.Read() && reader.TokenType != JsonTokenType.EndArray; place++)
        {
            items.Call(CallReader.Read(ref reader, data, place), events);
        }
    }

    /// <summary>What one delta says. Texts are the insides of JSON strings.</summary>
    private ref struct Delta
    {
        public ReadOnlySpan<byte> Content;
        public ReadOnlySpan<byte> Reasoning;
        public ReadOnlySpan<byte> Refusal;
        public Utf8JsonReader Parts;
        public Utf8JsonReader Calls;
    }
}
