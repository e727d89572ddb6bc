namespace Evergrain.Conversations.Ports;

/// <summary>What a model call can say.</summary>
public enum ModelEventKind
{
    /// <summary>An output item begins; <see cref="ModelEvent.Item"/> says which kind.</summary>
    ItemStarted,

    /// <summary>A part of the item begins; <see cref="ModelEvent.Part"/> says which kind.</summary>
    PartStarted,

    /// <summary>Text of the open part; <see cref="ModelEvent.Text"/>.</summary>
    Delta,

    /// <summary>The open part is whole.</summary>
    PartDone,

    /// <summary>The item is whole.</summary>
    ItemDone,

    /// <summary>
    /// Another event of the open item, from a server that speaks this protocol itself: <see cref="ModelEvent.Name"/>
    /// is its type, <see cref="ModelEvent.Json"/> an object of its other members, without <c>type</c>,
    /// <c>sequence_number</c>, <c>item_id</c> and <c>output_index</c>, which the stream writes.
    /// </summary>
    Raw,

    /// <summary>The call ended well. <see cref="ModelEvent.Usage"/>.</summary>
    Completed,

    /// <summary>
    /// The call ended early; <see cref="ModelEvent.Code"/> is <c>max_output_tokens</c> or <c>content_filter</c>.
    /// </summary>
    Incomplete,

    /// <summary>The call failed; <see cref="ModelEvent.Code"/> and <see cref="ModelEvent.Message"/>.</summary>
    Failed,
}

/// <summary>The kinds of output item a model call can build piece by piece.</summary>
public enum OutputKind
{
    /// <summary>An assistant message; parts: text, refusal.</summary>
    Message = 1,

    /// <summary>A reasoning item; parts: summary, reasoning text.</summary>
    Reasoning = 2,

    /// <summary>A function call; one part: arguments.</summary>
    FunctionCall = 3,

    /// <summary>A custom tool call; one part: input.</summary>
    CustomToolCall = 4,

    /// <summary>A compaction item; one part: its opaque content, never streamed as deltas.</summary>
    Compaction = 5,

    /// <summary>
    /// An item that only its server knows: it has no parts; <see cref="ModelEvent.Json"/> says what it is.
    /// </summary>
    Other = 6,
}

/// <summary>The kinds of text that stream inside an item.</summary>
public enum PartKind
{
    /// <summary><c>output_text</c> of a message.</summary>
    OutputText = 1,

    /// <summary><c>refusal</c> of a message.</summary>
    Refusal = 2,

    /// <summary><c>summary_text</c> of a reasoning item.</summary>
    SummaryText = 3,

    /// <summary><c>reasoning_text</c> of a reasoning item.</summary>
    ReasoningText = 4,

    /// <summary>The <c>arguments</c> of a function call.</summary>
    Arguments = 5,

    /// <summary>The <c>input</c> of a custom tool call.</summary>
    Input = 6,

    /// <summary>The <c>encrypted_content</c> of a compaction item.</summary>
    Opaque = 7,
}

/// <summary>One event of a model call. One item and one part are open at a time; items come in output order.</summary>
/// <remarks>
/// <see cref="Text"/> is the inside of a JSON string, escaped, without quotes, in UTF-8, and whole by itself: no
/// escape and no character is split between two deltas. So what a server streamed as JSON is passed on as it is.
/// </remarks>
public readonly record struct ModelEvent(ModelEventKind Kind)
{
    /// <summary>For <see cref="ModelEventKind.ItemStarted"/>.</summary>
    public OutputKind Item { get; init; }

    /// <summary>For <see cref="ModelEventKind.PartStarted"/>.</summary>
    public PartKind Part { get; init; }

    /// <summary>For <see cref="ModelEventKind.Delta"/>: JSON string content, escaped, without quotes.</summary>
    public ReadOnlyMemory<byte> Text { get; init; }

    /// <summary>
    /// For a call's <see cref="ModelEventKind.ItemStarted"/>: the tool's name. For <see cref="ModelEventKind.Raw"/>:
    /// the event's type.
    /// </summary>
    public string? Name { get; init; }

    /// <summary>For a call's <see cref="ModelEventKind.ItemStarted"/>: the tool's namespace, if it has one.</summary>
    public string? Namespace { get; init; }

    /// <summary>For a call's <see cref="ModelEventKind.ItemStarted"/>: the id its output will name.</summary>
    public string? CallId { get; init; }

    /// <summary>
    /// For a call's <see cref="ModelEventKind.ItemStarted"/>: whether the item says that its tool is async, where the
    /// stream writes the item.
    /// </summary>
    public bool IsAsync { get; init; }

    /// <summary>
    /// Exact JSON from a server that speaks this protocol itself; empty where the stream writes it from what it was
    /// told. For <see cref="ModelEventKind.ItemStarted"/> and <see cref="ModelEventKind.ItemDone"/> the item without
    /// its <c>id</c>; for <see cref="ModelEventKind.PartDone"/> the part; for <see cref="ModelEventKind.Raw"/> the
    /// event's members.
    /// </summary>
    public ReadOnlyMemory<byte> Json { get; init; }

    /// <summary>
    /// For <see cref="ModelEventKind.ItemDone"/>: the id its server gave the item, which clients never see; kept for
    /// later calls with the same rendering. Null: none.
    /// </summary>
    public string? ServerId { get; init; }

    /// <summary>
    /// For <see cref="ModelEventKind.ItemDone"/>: a JSON object of members that only its server understands, such as a
    /// thought signature. Clients never see it; it goes back to that server with the item. Empty: none.
    /// </summary>
    public ReadOnlyMemory<byte> ServerData { get; init; }

    /// <summary>
    /// For <see cref="ModelEventKind.Delta"/> of <see cref="PartKind.OutputText"/>: a JSON array, the log probabilities
    /// of its tokens as the Responses API spells them. Empty: none were asked for, or the server gave none.
    /// </summary>
    public ReadOnlyMemory<byte> Logprobs { get; init; }

    /// <summary>
    /// For <see cref="ModelEventKind.ItemStarted"/> of <see cref="OutputKind.Other"/>: what its id begins with, 1 to 16
    /// letters a to z.
    /// </summary>
    public string? IdPrefix { get; init; }

    /// <summary>For <see cref="ModelEventKind.Incomplete"/> and <see cref="ModelEventKind.Failed"/>.</summary>
    public string? Code { get; init; }

    /// <summary>For <see cref="ModelEventKind.Failed"/>: a sentence for the client.</summary>
    public string? Message { get; init; }

    /// <summary>For the last event: what the call used; null if the server did not say.</summary>
    public Usage? Usage { get; init; }
}

/// <summary>Tokens of one turn, as the wire's <c>usage</c>.</summary>
public sealed record Usage(long InputTokens, long CachedTokens, long OutputTokens, long ReasoningTokens)
{
    /// <summary>Input and output together.</summary>
    public long TotalTokens => InputTokens + OutputTokens;
}
