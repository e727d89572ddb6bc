using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Wire;

/// <summary>
/// The names of the events that stream a part. Source: OpenAI's OpenAPI file, Open Responses' for its dialect.
/// </summary>
internal static class PartEvents
{
    public static ReadOnlySpan<byte> Delta(PartKind kind, EventDialect dialect) => kind switch
    {
        PartKind.OutputText => "response.output_text.delta"u8,
        PartKind.Refusal => "response.refusal.delta"u8,
        PartKind.SummaryText => "response.reasoning_summary_text.delta"u8,
        PartKind.ReasoningText when dialect == EventDialect.OpenResponses => "response.reasoning.delta"u8,
        PartKind.ReasoningText => "response.reasoning_text.delta"u8,
        PartKind.Arguments => "response.function_call_arguments.delta"u8,
        _ => "response.custom_tool_call_input.delta"u8,
    };

    public static ReadOnlySpan<byte> Done(PartKind kind, EventDialect dialect) => kind switch
    {
        PartKind.OutputText => "response.output_text.done"u8,
        PartKind.Refusal => "response.refusal.done"u8,
        PartKind.SummaryText => "response.reasoning_summary_text.done"u8,
        PartKind.ReasoningText when dialect == EventDialect.OpenResponses => "response.reasoning.done"u8,
        PartKind.ReasoningText => "response.reasoning_text.done"u8,
        PartKind.Arguments => "response.function_call_arguments.done"u8,
        _ => "response.custom_tool_call_input.done"u8,
    };

    /// <summary>The member of the done event that holds the whole text.</summary>
    public static ReadOnlySpan<byte> DoneField(PartKind kind) => kind switch
    {
        PartKind.Refusal => "refusal"u8,
        PartKind.Arguments => "arguments"u8,
        PartKind.Input => "input"u8,
        _ => "text"u8,
    };
}
