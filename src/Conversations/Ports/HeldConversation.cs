using Evergrain.Conversations.Ids;

namespace Evergrain.Conversations.Ports;

/// <summary>What a process holds of one conversation, as shapes and times; never what anybody said.</summary>
/// <param name="Tenant">Whose it is.</param>
/// <param name="Id">The bits of its id.</param>
/// <param name="IsStored">Whether it has stored turns.</param>
/// <param name="IsHeld">
/// Whether it is in memory. A conversation that was found by a word of a request may have left since: then no more is
/// known than the members before this one.
/// </param>
/// <param name="CreatedAt">When its first turn began, in milliseconds since the Unix epoch.</param>
/// <param name="ActiveAt">When a turn began or ended here last, or the conversation was opened.</param>
/// <param name="Turns">Turns, deleted ones included.</param>
/// <param name="Unstored">Those of them that are not stored.</param>
/// <param name="Running">Turns that run.</param>
/// <param name="Items">Items from the root to the end of the newest turn.</param>
/// <param name="Digest">The digest of the newest turn's branch; null: that turn runs.</param>
public sealed record HeldConversation(
    string Tenant,
    UInt128 Id,
    bool IsStored,
    bool IsHeld = false,
    long CreatedAt = 0,
    long ActiveAt = 0,
    int Turns = 0,
    int Unstored = 0,
    int Running = 0,
    int Items = 0,
    string? Digest = null)
{
    /// <summary>Whose, and which.</summary>
    public ConversationKey Key => new(Tenant, new ConversationId(Id));
}

/// <summary>What a process that holds conversations is asked.</summary>
/// <param name="Tenant">Whose; null: every tenant's.</param>
/// <param name="Limit">
/// How many unstored conversations are asked for, or conversations with a word, at most.
/// </param>
/// <param name="CreatedAt">The unstored ones were created before this, or then and have a lower id.</param>
/// <param name="Before">That id.</param>
/// <param name="Known">Ids of conversations that are asked for too; null: none.</param>
/// <param name="Kind">By which word a turn's request is looked for, and nothing else is asked.</param>
/// <param name="Text">That word.</param>
public sealed record RosterQuery(
    string? Tenant,
    int Limit = 0,
    long CreatedAt = 0,
    UInt128 Before = default,
    UInt128[]? Known = null,
    OriginKind Kind = OriginKind.None,
    string? Text = null);

/// <summary>What processes answered.</summary>
/// <param name="Found">Conversations, in no order.</param>
/// <param name="IsComplete">Whether every process has answered.</param>
public sealed record RosterAnswer(HeldConversation[] Found, bool IsComplete);
