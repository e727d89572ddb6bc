using System.Runtime.CompilerServices;
using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Routing;

/// <summary>
/// <see cref="IConversations"/> and <see cref="ITurns"/> over the calls of single conversations. It asks again when an
/// activation ends, an answer is lost or a journal failed, and reads on where a reader was. No other class of a server
/// retries a request.
/// </summary>
/// <remarks><see cref="Patience"/> says where a retry stops.</remarks>
/// <param name="find">Finds a conversation's calls. It is asked once per call, and may give the same again.</param>
/// <param name="findWarm">
/// Finds a conversation's calls if it may be warm; null: it is not, and so holds nothing of a connection.
/// </param>
/// <param name="journal">Lists conversations, and is compared with them; nothing is written here.</param>
/// <param name="ids">Names readers, spreads retries.</param>
/// <param name="bounds">The bounds of retries, and their clock.</param>
public sealed class ConversationRouter(Func<ConversationKey, IConversationCalls> find,
    Func<ConversationKey, IConversationCalls?> findWarm, IJournal journal, IIdSource ids, RetryBounds bounds)
    : ITurns, IConversations
{
    /// <summary>Asks every process that holds conversations what it holds.</summary>
    public required Func<RosterQuery, CancellationToken, ValueTask<RosterAnswer>> Roster { get; init; }

    /// <inheritdoc/>
    public async ValueTask<ResponseId> StartTurnAsync(StartTurn start, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(start);
        var started = await StartAsync(start, cancellationToken);
        if (started.Missing is { } missing)
        {
            var references = await ForeignItems.FetchAsync(this, start, missing, cancellationToken);
            started = await StartAsync(start with { References = references }, cancellationToken);
        }

        return started.Missing is null
            ? new ResponseId(start.Key.Id, started.Turn)
            : throw new InvalidOperationException("A start asks for items that it was given.");
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<EventBatch> ReadEventsAsync(TurnAddress turn, int from,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(from);
        await using var reading = new EventReading(find, turn, from, ids, bounds);
        while (await reading.NextAsync(cancellationToken) is { } batch)
        {
            yield return batch;
        }
    }

    /// <inheritdoc/>
    public async ValueTask CancelAsync(TurnAddress turn, CancellationToken cancellationToken) =>
        await AskAsync(() => find(turn.Key).CancelAsync(turn, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public ValueTask<ReadOnlyMemory<byte>> GetAsync(TurnAddress turn, CancellationToken cancellationToken) =>
        AskAsync(() => find(turn.Key).GetAsync(turn, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public ValueTask<ReadOnlyMemory<byte>> GetOutputItemAsync(TurnAddress turn, int index,
        CancellationToken cancellationToken) => AskAsync(
            () => find(turn.Key).GetOutputItemAsync(turn, index, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public ValueTask<ReadOnlyMemory<byte>> ListInputItemsAsync(TurnAddress turn, ItemPage page,
        CancellationToken cancellationToken) => AskAsync(
            () => find(turn.Key).ListInputItemsAsync(turn, page, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public ValueTask<ReadOnlyMemory<byte>> ListTurnsAsync(ConversationKey key, int after, int limit,
        CancellationToken cancellationToken) => AskAsync(
            () => find(key).ListTurnsAsync(after, limit, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public ValueTask<ReadOnlyMemory<byte>> ListLiveAsync(
        ConversationKey key, long since, CancellationToken cancellationToken) => AskAsync(
            () => find(key).ListLiveAsync(since, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public ValueTask<ReadOnlyMemory<byte>> GetContextAsync(
        ConversationKey key, TurnId turn, int rendered, CancellationToken cancellationToken) => AskAsync(
            () => find(key).GetContextAsync(turn, rendered, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public ValueTask<ConversationPage> FindAsync(ConversationQuery query, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(query);
        return new ConversationFinder(journal, Roster).FindAsync(query, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<ResponsePage> ListResponsesAsync(ResponseQuery query, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(query);
        return new ResponseFinder(journal, query, (key, after, limit) => AskAsync(
            () => find(key).FindTurnsAsync(after, limit, query.Filter, cancellationToken), cancellationToken))
            .FindAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask ChangeMetadataAsync(
        TurnAddress turn, ReadOnlyMemory<byte> metadata, CancellationToken cancellationToken) => await AskAsync(
            () => find(turn.Key).ChangeMetadataAsync(turn, metadata, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public ValueTask<Verification> VerifyAsync(ConversationKey key, CancellationToken cancellationToken) =>
        new ConversationProof(key, this, journal, ids).MakeAsync(cancellationToken);

    /// <inheritdoc/>
    public async ValueTask DeleteAsync(TurnAddress turn, CancellationToken cancellationToken)
    {
        var patience = NewPatience(bounds.Time.GetTimestamp());
        try
        {
            await AskAsync(() => find(turn.Key).DeleteAsync(turn, cancellationToken), cancellationToken, patience);
        }
        catch (ConversationException e) when (patience.HasFailed && e.Refusal.Kind == RefusalKind.NotFound)
        {
            // A try whose answer was lost has deleted it, as far as anyone can tell.
        }
    }

    /// <inheritdoc/>
    public async ValueTask EraseAsync(ConversationKey key, CancellationToken cancellationToken) =>
        await AskAsync(() => find(key).EraseAsync(cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public ValueTask HoldAsync(ConversationKey key, LeaseId lease, CancellationToken cancellationToken) =>
        TellAsync(key, calls => calls.HoldAsync(lease, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public ValueTask ReleaseAsync(ConversationKey key, LeaseId lease, CancellationToken cancellationToken) =>
        TellAsync(key, calls => calls.ReleaseAsync(lease, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<ConversationId>> ListAsync(string tenant, ConversationId? after, int limit,
        CancellationToken cancellationToken) => journal.ListAsync(tenant, after, limit, cancellationToken);

    private ValueTask<StartedTurn> StartAsync(StartTurn start, CancellationToken cancellationToken) =>
        AskAsync(() => find(start.Key).StartTurnAsync(start, cancellationToken), cancellationToken);

    private async ValueTask TellAsync(ConversationKey key, Func<IConversationCalls, Task<Answer<bool>>> tell,
        CancellationToken cancellationToken) => await AskAsync(
            () => findWarm(key) is { } calls ? tell(calls) : Task.FromResult(Answer.Given(true)), cancellationToken);

    /// <summary>Asks a conversation; again, where the answer was lost or the activation is over.</summary>
    private async ValueTask<T> AskAsync<T>(
        Func<Task<Answer<T>>> ask, CancellationToken cancellationToken, Patience? patience = null)
    {
        var asked = bounds.Time.GetTimestamp();
        while (true)
        {
            Exception? failed = null;
            Refusal? reason = null;
            try
            {
                var answer = await ask();
                switch (answer.Kind)
                {
                    case AnswerKind.Given:
                        return answer.Value!;
                    case AnswerKind.Refused:
                        throw new ConversationException(answer.Refusal!);
                    default:
                        reason = answer.Refusal;
                        break;
                }
            }
            catch (Exception e) when (bounds.MayPass(e, cancellationToken))
            {
                failed = e;
            }

            patience ??= NewPatience(asked);
            await patience.PauseAsync(reason, failed, cancellationToken);
        }
    }

    private Patience NewPatience(long asked) => new(bounds, ids, asked);
}
