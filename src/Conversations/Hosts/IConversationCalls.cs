using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Hosts;

/// <summary>
/// What a router asks of one conversation, wherever it is warm. Every call is short: a turn runs on by itself. A call
/// that is answered by <see cref="AnswerKind.AskAgain"/>, or whose answer is lost, is asked again.
/// </summary>
public interface IConversationCalls
{
    /// <summary>
    /// Starts a turn, or attaches to it if its request id is known. Ends when the turn's id is durable. A create that
    /// refers to items of other conversations is answered with those, and asked again with them.
    /// </summary>
    Task<Answer<StartedTurn>> StartTurnAsync(StartTurn start, CancellationToken cancellationToken);

    /// <summary>
    /// Where a history that was sent again may continue a turn, or one that goes on from it; see
    /// <see cref="HistoryPlaces.Match"/>.
    /// </summary>
    /// <param name="turn">The turn.</param>
    /// <param name="question">What is known of the history.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    Task<Answer<HistoryMatch>> MatchAsync(
        TurnAddress turn, HistoryQuestion question, CancellationToken cancellationToken);

    /// <summary>
    /// The events of a response from a number on, up to and with the terminal event. The enumeration may end earlier:
    /// the router reads on from the next number.
    /// </summary>
    /// <param name="turn">The response.</param>
    /// <param name="from">The number of the first event.</param>
    /// <param name="reader">Names the reader; the same when it asks again.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    IAsyncEnumerable<Answer<EventBatch>> ReadEventsAsync(
        TurnAddress turn, int from, ulong reader, CancellationToken cancellationToken);

    /// <summary>A reader that broke off will not come back.</summary>
    Task StopReadingAsync(ulong reader);

    /// <summary>Cancels a running turn.</summary>
    Task<Answer<bool>> CancelAsync(TurnAddress turn, CancellationToken cancellationToken);

    /// <summary>The response object as it stands, as JSON.</summary>
    Task<Answer<ReadOnlyMemory<byte>>> GetAsync(TurnAddress turn, CancellationToken cancellationToken);

    /// <summary>The JSON of one finished output item.</summary>
    Task<Answer<ReadOnlyMemory<byte>>> GetOutputItemAsync(
        TurnAddress turn, int index, CancellationToken cancellationToken);

    /// <summary>A page of the items a response was made from, as the JSON list object.</summary>
    Task<Answer<ReadOnlyMemory<byte>>> ListInputItemsAsync(
        TurnAddress turn, ItemPage page, CancellationToken cancellationToken);

    /// <summary>A page of the turns, as the JSON list object.</summary>
    Task<Answer<ReadOnlyMemory<byte>>> ListTurnsAsync(int after, int limit, CancellationToken cancellationToken);

    /// <summary>The turns that run or ended since a time, as the JSON list object.</summary>
    Task<Answer<ReadOnlyMemory<byte>>> ListLiveAsync(long since, CancellationToken cancellationToken);

    /// <summary>What the context of a turn is made of, as JSON.</summary>
    Task<Answer<ReadOnlyMemory<byte>>> GetContextAsync(
        TurnId turn, int rendered, CancellationToken cancellationToken);

    /// <summary>The stored turns that ended with an answer and pass a filter.</summary>
    /// <param name="after">The turn before them, which may be deleted; the default: none.</param>
    /// <param name="limit">How many at most.</param>
    /// <param name="filter">Which of them, and in which direction.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    Task<Answer<FoundTurns>> FindTurnsAsync(
        TurnId after, int limit, ResponseFilter filter, CancellationToken cancellationToken);

    /// <summary>Replaces the metadata of a stored response that has ended.</summary>
    Task<Answer<bool>> ChangeMetadataAsync(
        TurnAddress turn, ReadOnlyMemory<byte> metadata, CancellationToken cancellationToken);

    /// <summary>Deletes a response.</summary>
    Task<Answer<bool>> DeleteAsync(TurnAddress turn, CancellationToken cancellationToken);

    /// <summary>
    /// Takes the ids of turns away that ended at a time or before, if the conversation is warm. Where none is left, its
    /// journal is deleted.
    /// </summary>
    /// <param name="endedBy">The time, in milliseconds since the Unix epoch.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>Whether it is warm.</returns>
    Task<Answer<bool>> ExpireAsync(long endedBy, CancellationToken cancellationToken);

    /// <summary>Deletes all turns; those that run are cancelled. The journal is deleted when nobody reads.</summary>
    Task<Answer<bool>> EraseAsync(CancellationToken cancellationToken);

    /// <summary>Renews a lease on unstored turns.</summary>
    Task<Answer<bool>> HoldAsync(LeaseId lease, CancellationToken cancellationToken);

    /// <summary>Ends a lease on unstored turns.</summary>
    Task<Answer<bool>> ReleaseAsync(LeaseId lease, CancellationToken cancellationToken);
}
