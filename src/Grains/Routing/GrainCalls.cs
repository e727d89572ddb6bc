using System.Runtime.CompilerServices;
using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Grains.Calls;

namespace Evergrain.Grains.Routing;

/// <summary>A conversation's calls, sent to its grain.</summary>
internal sealed class GrainCalls(IConversationGrain grain, ClusterAccess cluster)
    : IConversationCalls
{
    public async Task<Answer<StartedTurn>> StartTurnAsync(StartTurn start, CancellationToken cancellationToken)
    {
        var request = StartRequest.Of(start, cluster.Options.CallTimeout);
        Answer<StartedTurn> answer = default;
        foreach (var piece in request.Cut(cluster.Options.CallTimeout))
        {
            answer = await CallAsync(() => grain.StartTurn(piece), cancellationToken);
            if (piece is { PieceTotal: > 0, PieceOffset: 0 } && answer.Refusal is { Kind: RefusalKind.InvalidRequest })
            {
                // A silo of an earlier build: it takes creates whole.
                return await CallAsync(() => grain.StartTurn(request), cancellationToken);
            }

            if (answer.Kind != AnswerKind.Given)
            {
                return answer;
            }
        }

        return answer;
    }

    public Task<Answer<HistoryMatch>> MatchAsync(
        TurnAddress turn, HistoryQuestion question, CancellationToken cancellationToken)
    {
        // An unstored turn is where it is warm, or nowhere.
        return turn.Response.Turn.IsStored ? CallAsync(Ask, cancellationToken) : PassAsync(Ask, cancellationToken);

        Task<Answer<HistoryMatch>> Ask() => grain.Match(RequestFor(turn), question);
    }

    public async IAsyncEnumerable<Answer<EventBatch>> ReadEventsAsync(TurnAddress turn, int from, ulong reader,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var asking = cluster.UnlessLost(cancellationToken);
        var events = grain.ReadEvents(InPieces(turn), from, reader, asking?.Token ?? cancellationToken)
            .WithBatchSize(cluster.Options.MessageBatchesMax);
        using var pieces = cluster.PiecesOf(turn.Tenant);
        await foreach (var answer in events.WithCancellation(asking?.Token ?? cancellationToken))
        {
            if (answer.IsPiece)
            {
                if (pieces.Add(answer.Events[0].Bytes) is { } refusal)
                {
                    yield return Answer.Refused<EventBatch>(refusal);
                    yield break;
                }

                continue;
            }

            yield return answer.From(from, pieces.Bytes);
            from += answer.Events.Length;
            pieces.Clear();
        }
    }

    public Task StopReadingAsync(ulong reader) => PassAsync(async () =>
    {
        await grain.StopReading(reader);
        return Answer.Given(true);
    }, CancellationToken.None);

    public Task<Answer<bool>> CancelAsync(TurnAddress turn, CancellationToken cancellationToken) =>
        CallAsync(() => grain.Cancel(RequestFor(turn)), cancellationToken);

    public async Task<Answer<ReadOnlyMemory<byte>>> GetAsync(TurnAddress turn, CancellationToken cancellationToken)
    {
        var answer = await CallAsync(() => grain.Get(RequestFor(turn)), cancellationToken);
        return answer.Refusal is { Kind: RefusalKind.TooLarge }
            ? await GetInPiecesAsync(turn, cancellationToken)
            : Payload.Unwrap(answer);
    }

    public async Task<Answer<ReadOnlyMemory<byte>>> GetOutputItemAsync(
        TurnAddress turn, int index, CancellationToken cancellationToken) =>
        Payload.Unwrap(await CallAsync(() => grain.GetOutputItem(RequestFor(turn), index), cancellationToken));

    public async Task<Answer<ReadOnlyMemory<byte>>> ListInputItemsAsync(
        TurnAddress turn, ItemPage page, CancellationToken cancellationToken) =>
        Payload.Unwrap(await CallAsync(
            () => grain.ListInputItems(RequestFor(turn), page.Limit, page.Ascending, page.After), cancellationToken));

    public async Task<Answer<ReadOnlyMemory<byte>>> ListTurnsAsync(
        int after, int limit, CancellationToken cancellationToken) =>
        Payload.Unwrap(await CallAsync(() => grain.ListTurns(after, limit), cancellationToken));

    public async Task<Answer<ReadOnlyMemory<byte>>> ListLiveAsync(long since, CancellationToken cancellationToken) =>
        Payload.Unwrap(await CallAsync(() => grain.ListLive(since), cancellationToken));

    public async Task<Answer<ReadOnlyMemory<byte>>> GetContextAsync(
        TurnId turn, int rendered, CancellationToken cancellationToken) =>
        Payload.Unwrap(await CallAsync(() => grain.GetContext(turn, rendered), cancellationToken));

    public Task<Answer<FoundTurns>> FindTurnsAsync(
        TurnId after, int limit, ResponseFilter filter, CancellationToken cancellationToken) => CallAsync(
            () => grain.FindTurns(after, limit, filter.IsAscending, filter.Model,
                filter.Metadata.ToDictionary(StringComparer.Ordinal)), cancellationToken);

    public Task<Answer<bool>> ChangeMetadataAsync(
        TurnAddress turn, ReadOnlyMemory<byte> metadata, CancellationToken cancellationToken) => CallAsync(
            () => grain.ChangeMetadata(RequestFor(turn), new Payload(metadata)), cancellationToken);

    public Task<Answer<bool>> DeleteAsync(TurnAddress turn, CancellationToken cancellationToken) =>
        CallAsync(() => grain.Delete(RequestFor(turn)), cancellationToken);

    public Task<Answer<bool>> ExpireAsync(long endedBy, CancellationToken cancellationToken) =>
        PassAsync(() => grain.Expire(endedBy), cancellationToken);

    public Task<Answer<bool>> EraseAsync(CancellationToken cancellationToken) =>
        CallAsync(() => grain.Erase(), cancellationToken);

    public Task<Answer<bool>> HoldAsync(LeaseId lease, CancellationToken cancellationToken) =>
        PassAsync(() => grain.Hold(lease), cancellationToken);

    public Task<Answer<bool>> ReleaseAsync(LeaseId lease, CancellationToken cancellationToken) =>
        PassAsync(() => grain.Release(lease), cancellationToken);

    private static TurnRequest RequestFor(TurnAddress turn) => new(turn.Response.Turn, turn.Lease);

    private TurnRequest InPieces(TurnAddress turn) => RequestFor(turn) with
    {
        PieceBytes = MessageBounds.PieceBytes(cluster.Options.MessageBatchesMax),
    };

    // Asynchronous, so that the mark is on this call alone.
    private async Task<Answer<T>> PassAsync<T>(Func<Task<Answer<T>>> call, CancellationToken cancellationToken)
    {
        PassingCalls.Begin();
        return await CallAsync(call, cancellationToken);
    }

    private async Task<Answer<ReadOnlyMemory<byte>>> GetInPiecesAsync(
        TurnAddress turn, CancellationToken cancellationToken)
    {
        using var asking = cluster.UnlessLost(cancellationToken);
        var answers = grain.GetInPieces(InPieces(turn), asking?.Token ?? cancellationToken)
            .WithBatchSize(cluster.Options.MessageBatchesMax);
        using var pieces = cluster.PiecesOf(turn.Tenant);
        await foreach (var answer in answers.WithCancellation(asking?.Token ?? cancellationToken))
        {
            if (answer.Kind != AnswerKind.Given)
            {
                return Payload.Unwrap(answer);
            }

            if (pieces.Add(answer.Value.Bytes) is { } refusal)
            {
                return Answer.Refused<ReadOnlyMemory<byte>>(refusal);
            }
        }

        return Answer.Given(pieces.Bytes?.WrittenMemory ?? default);
    }

    /// <summary>Makes a call; it is cancelled when its answer may be lost.</summary>
    private async Task<Answer<T>> CallAsync<T>(Func<Task<Answer<T>>> call, CancellationToken cancellationToken)
    {
        using var asking = cluster.UnlessLost(cancellationToken);
        return await call().WaitAsync(asking?.Token ?? cancellationToken);
    }
}
