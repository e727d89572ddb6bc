using System.Collections.Immutable;
using Evergrain.Conversations.Context;

namespace Evergrain.Providers.Chat;

/// <summary>Whose message is the last one that a branch's bytes hold.</summary>
internal enum Speaker
{
    /// <summary>Nobody's, or a leading system message, which is still open.</summary>
    None,

    /// <summary>A later system message.</summary>
    System,

    /// <summary>The user's.</summary>
    User,

    /// <summary>The assistant's.</summary>
    Assistant,

    /// <summary>A tool's.</summary>
    Tool,
}

/// <summary>How an open message's content is written.</summary>
internal enum OpenContent
{
    /// <summary>No message is open.</summary>
    None,

    /// <summary>As one text.</summary>
    Text,

    /// <summary>As a list of parts.</summary>
    Parts,
}

/// <summary>
/// What a branch's rendered bytes leave to be written behind one item. Immutable; items that change nothing share one.
/// </summary>
/// <remarks>
/// What the assistant said between two inputs is one message, whatever the order of its items. Its calls are in the
/// bytes already, its array of calls open; its texts are slices of their items, held here until the message is closed.
/// Images of tool outputs, which a tool message cannot hold, wait for the next user message. Between calls and their
/// outputs nothing else may stand: other items wait here until every call is answered.
/// </remarks>
internal sealed record ChatState
{
    private static readonly ImmutableDictionary<string, Item> NoItems =
        ImmutableDictionary.Create<string, Item>(StringComparer.Ordinal);

    /// <summary>At the root.</summary>
    public static readonly ChatState Start = new();

    private ChatState()
    {
    }

    /// <summary>Whether the bytes begin with the texts of system messages, without the message around them.</summary>
    public bool HasLead { get; init; }

    /// <summary>Whose message the bytes end with.</summary>
    public Speaker Last { get; init; }

    /// <summary>Texts of the open assistant message, as insides of JSON strings.</summary>
    public ImmutableList<ReadOnlyMemory<byte>> Texts { get; init; } = [];

    /// <summary>Reasoning of the open assistant message, as insides of JSON strings.</summary>
    public ImmutableList<ReadOnlyMemory<byte>> Reasoning { get; init; } = [];

    /// <summary>What its server wants back in the open assistant message: JSON objects.</summary>
    public ImmutableList<ReadOnlyMemory<byte>> Extras { get; init; } = [];

    /// <summary>Whether the bytes end within the calls of the open assistant message.</summary>
    public bool HasCalls { get; init; }

    /// <summary>How the bytes end within a user message, which what the user says next goes on with.</summary>
    public OpenContent User { get; init; }

    /// <summary>What tools gave beside text, for the next user message.</summary>
    public ImmutableList<ContentPart> Attachments { get; init; } = [];

    /// <summary>Calls of the last assistant message that have no output yet, as the items name them.</summary>
    public ImmutableHashSet<string> Open { get; init; } = [];

    /// <summary>Items that wait until those calls are answered.</summary>
    public ImmutableList<Item> Waiting { get; init; } = [];

    /// <summary>Outputs of calls that wait themselves, by call id.</summary>
    public ImmutableDictionary<string, Item> Early { get; init; } = NoItems;

    /// <summary>Whether the last item is a <c>compaction_trigger</c>: the answer is a compaction item.</summary>
    public bool AsksForSummary { get; init; }

    /// <summary>Tools of <c>additional_tools</c> items, oldest first.</summary>
    public ImmutableList<ToolSet> Tools { get; init; } = [];

    /// <summary>Call ids so short that a server may have counted them, and so give them again.</summary>
    public ImmutableHashSet<string> CountedCallIds { get; init; } = [];

    /// <summary>Items and parts that the server is not given.</summary>
    public Omissions Omitted { get; init; } = Omissions.None;

    /// <summary>Whether an assistant message is open.</summary>
    public bool IsOpen => HasCalls || Texts.Count > 0 || Reasoning.Count > 0 || Extras.Count > 0;

    /// <summary>Whether nothing but leading system messages has come.</summary>
    public bool IsLeading => Last == Speaker.None && !IsOpen && Attachments.Count == 0;
}
