using System.Collections.Immutable;

namespace Evergrain.Providers.Chat;

/// <summary>
/// What a branch's rendered bytes leave to be written behind one item. Immutable; items that change nothing share one.
/// </summary>
/// <remarks>
/// What the assistant said between two inputs is one message, whatever the order of its items: servers refuse a message
/// between calls and their outputs. Its calls are in the bytes already, its array of calls open; its texts are slices
/// of their items, held here until the message is closed. Images of tool outputs, which a tool message cannot hold,
/// wait here for the end of the run of tool messages.
/// </remarks>
internal sealed record ChatState
{
    /// <summary>At the root.</summary>
    public static readonly ChatState Start = new();

    private ChatState()
    {
    }

    /// <summary>Texts of the open assistant message, as insides of JSON strings.</summary>
    public ImmutableList<ReadOnlyMemory<byte>> Texts { get; init; } = [];

    /// <summary>Reasoning of the open assistant message, as insides of JSON strings.</summary>
    public ImmutableList<ReadOnlyMemory<byte>> Reasoning { get; init; } = [];

    /// <summary>Whether the bytes end within the calls of the open assistant message.</summary>
    public bool HasCalls { get; init; }

    /// <summary>Parts for a user message behind the tool messages.</summary>
    public ImmutableList<ContentPart> Attachments { get; init; } = [];

    /// <summary>Whether the last item is a <c>compaction_trigger</c>: the answer is a compaction item.</summary>
    public bool AsksForSummary { get; init; }

    /// <summary>Tools of <c>additional_tools</c> items, oldest first.</summary>
    public ImmutableList<ToolSet> Tools { get; init; } = [];

    /// <summary>Call ids so short that a server may have counted them, and so give them again.</summary>
    public ImmutableHashSet<string> CountedCallIds { get; init; } = [];

    /// <summary>Items and parts that the server is not given.</summary>
    public Omissions Omitted { get; init; } = Omissions.None;

    /// <summary>Whether an assistant message is open.</summary>
    public bool IsOpen => HasCalls || Texts.Count > 0 || Reasoning.Count > 0;

    /// <summary>Whether bytes are due before the messages can end.</summary>
    public bool IsUnfinished => IsOpen || Attachments.Count > 0;
}
