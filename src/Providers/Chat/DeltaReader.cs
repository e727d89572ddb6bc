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
    /// <param name="json">The delta; empty where there is none.</param>
    /// <param name="logprobs">Log probabilities of its text; see <see cref="ModelEvent.Logprobs"/>.</param>
    /// <param name="events">Takes the events.</param>
    public void Read(ReadOnlySpan<byte> json, ReadOnlySpan<byte> logprobs, List<ModelEvent> events)
    {
        if (json.IsEmpty)
        {
            return;
        }

        var reader = new Utf8JsonReader(json);
        reader.Read();
        ChunkJson.Expect(JsonTokenType.StartObject, reader.TokenType);
        var delta = new Delta();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            ReadMember(ref reader, json, ref delta);
        }

        items.Text(PartKind.ReasoningText, delta.Reasoning, events);
        items.Text(PartKind.OutputText, delta.Content, events, logprobs);
        AnswerContent.Read(delta.Parts, items, events);
        items.Text(PartKind.Refusal, delta.Refusal, events);
        ReadCalls(delta.Calls, events);
    }

    private void ReadMember(scoped ref Utf8JsonReader reader, ReadOnlySpan<byte> data, ref Delta delta)
    {
        if (JsonContent.NameIs(ref reader, "content"u8))
        {
            reader.Read();
            var isText = reader.TokenType is JsonTokenType.String;
            delta.Content = isText ? reader.ValueSpan : default;
            delta.Parts = isText ? default : ChunkJson.PassThis(ref reader, data);
        }
        else if (JsonContent.NameIs(ref reader, "tool_calls"u8))
        {
            delta.Calls = ChunkJson.Pass(ref reader, data);
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

    private void ReadCalls(ReadOnlySpan<byte> json, List<ModelEvent> events)
    {
        if (json.IsEmpty)
        {
            return;
        }

        var reader = new Utf8JsonReader(json);
        reader.Read();
        ChunkJson.Expect(JsonTokenType.StartArray, reader.TokenType);
        for (var place = 0; reader.Read() && reader.TokenType != JsonTokenType.EndArray; place++)
        {
            items.Call(CallReader.Read(ref reader, json, place), events);
        }
    }

    /// <summary>What one delta says. Texts are the insides of JSON strings, parts and calls are JSON values.</summary>
    private ref struct Delta
    {
        public ReadOnlySpan<byte> Content;
        public ReadOnlySpan<byte> Reasoning;
        public ReadOnlySpan<byte> Refusal;
        public ReadOnlySpan<byte> Parts;
        public ReadOnlySpan<byte> Calls;
    }
}
