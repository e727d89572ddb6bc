using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Grains.Calls;

namespace Evergrain.Grains;

/// <summary>
/// One conversation of one tenant, wherever in the cluster it is warm. Its key is <see cref="ConversationGrainKey"/>.
/// Every call is short: a turn runs on by itself, and a lost answer is asked for again.
/// </summary>
[Alias("evergrain.IConversationGrain")]
public interface IConversationGrain : IGrainWithStringKey
{
    /// <summary>
    /// Starts a turn, or attaches to it if its request id is known. Ends when the turn's id is durable. A create that
    /// refers to items of other conversations is answered with those, and asked again with them.
    /// </summary>
    [SizedCall]
    [Alias("StartTurn")]
    Task<Answer<StartedTurn>> StartTurn(StartRequest request);

    /// <summary>Where a history that was sent again may continue a stored turn, or one that goes on from it.</summary>
    [Alias("Match")]
    Task<Answer<HistoryMatch>> Match(TurnRequest turn, HistoryQuestion question);

    /// <summary>
    /// Whether a history that was sent again, of this digest, may continue a stored turn. Frontends of earlier builds
    /// ask this.
    /// </summary>
    [Alias("MayContinue")]
    Task<Answer<bool>> MayContinue(TurnRequest turn, Payload context);

    /// <summary>
    /// The events of a response from a number on, up to and with the terminal event. It may end earlier, by
    /// <see cref="AnswerKind.AskAgain"/>, by a timeout or with its activation: whoever reads asks again from the next
    /// number.
    /// </summary>
    /// <param name="turn">The response's turn.</param>
    /// <param name="from">The number of the first event.</param>
    /// <param name="reader">
    /// Who reads, the same when it asks again. One that breaks off counts as reading for a while, unless it says
    /// <see cref="StopReading"/>.
    /// </param>
    /// <param name="cancellationToken">Ends the reading.</param>
    [Alias("ReadEvents")]
    IAsyncEnumerable<EventsAnswer> ReadEvents(TurnRequest turn, int from, ulong reader,
        CancellationToken cancellationToken);

    /// <summary>A reader that broke off will not come back.</summary>
    [Alias("StopReading")]
    Task StopReading(ulong reader);

    /// <summary>Cancels a running turn.</summary>
    [Alias("Cancel")]
    Task<Answer<bool>> Cancel(TurnRequest turn);

    /// <summary>
    /// The response object as it stands, as JSON. One that no message holds is refused as too large: ask for its
    /// pieces.
    /// </summary>
    [Alias("Get")]
    Task<Answer<Payload>> Get(TurnRequest turn);

    /// <summary>The response object as it stands, in pieces of <see cref="TurnRequest.PieceBytes"/> in order.</summary>
    [Alias("GetInPieces")]
    IAsyncEnumerable<Answer<Payload>> GetInPieces(TurnRequest turn, CancellationToken cancellationToken);

    /// <summary>The JSON of one finished output item.</summary>
    [Alias("GetOutputItem")]
    Task<Answer<Payload>> GetOutputItem(TurnRequest turn, int index);

    /// <summary>A page of the items a response was made from, as the JSON list object; see
    /// <see cref="ItemPage"/>.</summary>
    [Alias("ListInputItems")]
    Task<Answer<Payload>> ListInputItems(TurnRequest turn, int limit, bool isAscending, string? after);

    /// <summary>A page of the turns, as the JSON list object.</summary>
    [Alias("ListTurns")]
    Task<Answer<Payload>> ListTurns(int after, int limit);

    /// <summary>The turns that run or ended since a time, as the JSON list object.</summary>
    [Alias("ListLive")]
    Task<Answer<Payload>> ListLive(long since);

    /// <summary>What the context of a turn is made of, as JSON.</summary>
    [Alias("GetContext")]
    Task<Answer<Payload>> GetContext(TurnId turn, int rendered);

    /// <summary>The stored turns that ended with an answer, behind one (the default: behind none); see
    /// <see cref="ResponseFilter"/>.</summary>
    [Alias("FindTurns")]
    Task<Answer<FoundTurns>> FindTurns(
        TurnId after, int limit, bool isAscending, string? model, Dictionary<string, string> metadata);

    /// <summary>Replaces the metadata of a stored response that has ended.</summary>
    [Alias("ChangeMetadata")]
    Task<Answer<bool>> ChangeMetadata(TurnRequest turn, Payload metadata);

    /// <summary>Deletes a response.</summary>
    [Alias("Delete")]
    Task<Answer<bool>> Delete(TurnRequest turn);

    /// <summary>
    /// Takes the ids of turns away that ended at a time or before, in milliseconds since the Unix epoch, if the
    /// conversation is warm; says whether it is.
    /// </summary>
    [Alias("Expire")]
    Task<Answer<bool>> Expire(long endedBy);

    /// <summary>Deletes all turns.</summary>
    [Alias("Erase")]
    Task<Answer<bool>> Erase();

    /// <summary>Renews a lease on unstored turns.</summary>
    [Alias("Hold")]
    Task<Answer<bool>> Hold(LeaseId lease);

    /// <summary>Ends a lease on unstored turns.</summary>
    [Alias("Release")]
    Task<Answer<bool>> Release(LeaseId lease);
}

/// <summary>The key of a conversation's grain: <c>tenant/code</c>.</summary>
public static class ConversationGrainKey
{
    /// <summary>Writes the key.</summary>
    public static string Format(ConversationKey key) => $"{key.Tenant}/{key.Id.Code}";

    /// <summary>Reads a key that <see cref="Format"/> wrote.</summary>
    /// <exception cref="FormatException">It did not.</exception>
    public static ConversationKey Parse(string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        var end = key.LastIndexOf('/');
        return end > 0 && ConversationId.TryParseCode(key.AsSpan(end + 1), out var id)
            ? new ConversationKey(key[..end], id)
            : throw new FormatException($"'{key}' names no conversation.");
    }
}
