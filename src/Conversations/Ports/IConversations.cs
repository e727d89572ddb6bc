using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;

namespace Evergrain.Conversations.Ports;

/// <summary>
/// What a frontend may ask of conversations beside <see cref="ITurns"/>, wherever they live. Both hosts implement it
/// by one class; one contract suite holds them to it.
/// </summary>
/// <remarks>
/// Expected failures are <see cref="ConversationException"/> with a <see cref="Refusal"/>. Another tenant's id, an
/// unknown id, and an unstored id of another lease are the same: not found.
/// </remarks>
public interface IConversations
{
    /// <summary>Cancels a running turn; its readers get the terminal event. An ended turn stays as it is.</summary>
    /// <exception cref="ConversationException">The response is not found.</exception>
    ValueTask CancelAsync(TurnAddress turn, CancellationToken cancellationToken);

    /// <summary>The response object as it stands, as JSON.</summary>
    /// <exception cref="ConversationException">The response is not found.</exception>
    ValueTask<ReadOnlyMemory<byte>> GetAsync(TurnAddress turn, CancellationToken cancellationToken);

    /// <summary>
    /// The JSON of one finished output item of a response, by the item's id: what an <c>item_reference</c> of another
    /// conversation stands for.
    /// </summary>
    /// <param name="turn">The response the item belongs to.</param>
    /// <param name="index">Its output index.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="ConversationException">The response or the item is not found.</exception>
    ValueTask<ReadOnlyMemory<byte>> GetOutputItemAsync(TurnAddress turn, int index,
        CancellationToken cancellationToken);

    /// <summary>
    /// A page of the items the response was made from, its branch's history included, as the JSON list object.
    /// </summary>
    /// <exception cref="ConversationException">The response or <paramref name="page"/>'s anchor is not
    /// found.</exception>
    ValueTask<ReadOnlyMemory<byte>> ListInputItemsAsync(TurnAddress turn, ItemPage page,
        CancellationToken cancellationToken);

    /// <summary>
    /// A page of a conversation's turns as the JSON list object: their tree, times, sizes and digests, and nothing that
    /// a client or a model said. Stored turns come in order, behind number <paramref name="after"/>; behind the last of
    /// them the unstored turns that are in memory.
    /// </summary>
    /// <exception cref="ConversationException">The conversation has no turn.</exception>
    ValueTask<ReadOnlyMemory<byte>> ListTurnsAsync(ConversationKey key, int after, int limit,
        CancellationToken cancellationToken);

    /// <summary>
    /// The turns that run, and those that ended at <paramref name="since"/> or later, as the same list without pages.
    /// Its member <c>now_ms</c> is the time for the next call; both are in milliseconds since the Unix epoch.
    /// </summary>
    /// <exception cref="ConversationException">The conversation has no turn.</exception>
    ValueTask<ReadOnlyMemory<byte>> ListLiveAsync(
        ConversationKey key, long since, CancellationToken cancellationToken);

    /// <summary>
    /// What the context of a turn is made of, as JSON: segments with sizes, renderings and digests, and no content; and
    /// the last <paramref name="rendered"/> items as a model server gets them, if the turn is stored.
    /// </summary>
    /// <param name="key">The conversation.</param>
    /// <param name="turn">The turn.</param>
    /// <param name="rendered">0 to 100. These items are content: 0 for a caller who is not the tenant.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="ConversationException">The turn is not found.</exception>
    ValueTask<ReadOnlyMemory<byte>> GetContextAsync(
        ConversationKey key, TurnId turn, int rendered, CancellationToken cancellationToken);

    /// <summary>
    /// Conversations as shapes and times: a page of the newest, or those that have an id or a word. Unstored ones are
    /// found while they are in memory.
    /// </summary>
    /// <exception cref="ConversationException">They cannot be listed now.</exception>
    ValueTask<ConversationPage> FindAsync(ConversationQuery query, CancellationToken cancellationToken);

    /// <summary>
    /// Rebuilds a conversation from its journal, and compares the digest of each stored turn that has ended with the
    /// one in memory. It takes as much memory as the conversation itself while it lasts.
    /// </summary>
    /// <exception cref="ConversationException">The conversation has no turn, or cannot be read now.</exception>
    ValueTask<Verification> VerifyAsync(ConversationKey key, CancellationToken cancellationToken);

    /// <summary>
    /// A page of a tenant's stored responses. It looks into a bounded number of conversations, which are opened for it
    /// where they are not warm.
    /// </summary>
    /// <exception cref="ConversationException">
    /// <see cref="ResponseQuery.After"/> is not found, or they cannot be listed now.
    /// </exception>
    ValueTask<ResponsePage> ListResponsesAsync(ResponseQuery query, CancellationToken cancellationToken);

    /// <summary>
    /// Replaces the metadata of a stored response that has ended: <see cref="GetAsync"/> shows it from then on. The
    /// response's events stay as they were sent.
    /// </summary>
    /// <param name="turn">The response.</param>
    /// <param name="metadata">The JSON object; nobody may write to it any more.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="ConversationException">The response is not found or runs, or the value is none.</exception>
    ValueTask ChangeMetadataAsync(
        TurnAddress turn, ReadOnlyMemory<byte> metadata, CancellationToken cancellationToken);

    /// <summary>
    /// Deletes all of a conversation: every response, stored or not, and the journal. Running turns are cancelled
    /// first. Where somebody reads a response, the journal goes when they have read it. That there is no such
    /// conversation is no error.
    /// </summary>
    /// <exception cref="ConversationException">It cannot be read or written now.</exception>
    ValueTask EraseAsync(ConversationKey key, CancellationToken cancellationToken);

    /// <summary>
    /// Renews a lease on a conversation's unstored turns. It ends by itself when it is not renewed for
    /// <c>LeaseDuration</c>; starting or reading an unstored turn renews it too.
    /// </summary>
    ValueTask HoldAsync(ConversationKey key, LeaseId lease, CancellationToken cancellationToken);

    /// <summary>Ends a lease: its unstored turns are cancelled and forgotten.</summary>
    ValueTask ReleaseAsync(ConversationKey key, LeaseId lease, CancellationToken cancellationToken);

    /// <summary>Conversations of a tenant that are in the journal, in order of creation.</summary>
    ValueTask<IReadOnlyList<ConversationId>> ListAsync(string tenant, ConversationId? after, int limit,
        CancellationToken cancellationToken);
}

/// <summary>Whose response, which one, and through which connection it is asked for.</summary>
/// <param name="Tenant">The caller.</param>
/// <param name="Response">The response.</param>
/// <param name="Lease">The caller's connection; needed for unstored turns only.</param>
public readonly record struct TurnAddress(string Tenant, ResponseId Response, LeaseId Lease = default)
{
    /// <summary>The key of the conversation's actor.</summary>
    public ConversationKey Key => new(Tenant, Response.Conversation);
}

/// <summary>What came of comparing a conversation with its journal.</summary>
/// <param name="Turns">How many turns were compared.</param>
/// <param name="Different">The responses whose digests differ, or that the journal does not hold.</param>
/// <param name="Fault">Why the journal cannot be read at all; null: it was read.</param>
public sealed record Verification(int Turns, IReadOnlyList<string> Different, string? Fault)
{
    /// <summary>Whether the journal gives what is in memory.</summary>
    public bool IsEqual => Fault is null && Different.Count == 0;
}

/// <summary>Which page of a list.</summary>
/// <param name="Limit">1 to 100.</param>
/// <param name="Ascending">Oldest first; the wire's default is newest first.</param>
/// <param name="After">The id of the item before the page, or null.</param>
public sealed record ItemPage(int Limit = 20, bool Ascending = false, string? After = null);
