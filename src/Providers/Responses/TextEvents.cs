using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Responses;

/// <summary>
/// The events that carry an item's text, and whose text it is. Source: OpenAI's OpenAPI file; Open Responses for
/// <c>response.reasoning.*</c>.
/// </summary>
internal static class TextEvents
{
    private const string Text = "text";

    /// <summary>Whether a type is one of those that bring more of a text.</summary>
    public static bool IsDelta(ReadOnlySpan<byte> type, out PartKind part)
    {
        part = !type.EndsWith(".delta"u8) ? default
            : type.SequenceEqual("response.output_text.delta"u8) ? PartKind.OutputText
            : type.SequenceEqual("response.function_call_arguments.delta"u8) ? PartKind.Arguments
            : type.SequenceEqual("response.reasoning_summary_text.delta"u8) ? PartKind.SummaryText
            : type.SequenceEqual("response.reasoning_text.delta"u8) ? PartKind.ReasoningText
            : type.SequenceEqual("response.reasoning.delta"u8) ? PartKind.ReasoningText
            : type.SequenceEqual("response.custom_tool_call_input.delta"u8) ? PartKind.Input
            : type.SequenceEqual("response.refusal.delta"u8) ? PartKind.Refusal
            : default;
        return part != default;
    }

    /// <summary>Whether a type is one of those that bring a whole text; and the member that holds it.</summary>
    public static bool IsDone(string type, out PartKind part, out string member)
    {
        (part, member) = type switch
        {
            "response.output_text.done" => (PartKind.OutputText, Text),
            "response.refusal.done" => (PartKind.Refusal, "refusal"),
            "response.reasoning_summary_text.done" => (PartKind.SummaryText, Text),
            "response.reasoning_text.done" or "response.reasoning.done" => (PartKind.ReasoningText, Text),
            "response.function_call_arguments.done" => (PartKind.Arguments, "arguments"),
            "response.custom_tool_call_input.done" => (PartKind.Input, "input"),
            _ => default((PartKind, string)),
        };
        return part != default;
    }
}
