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
    public Task<Answer<StartedTurn>> StartTurnAsync(StartTurn start, CancellationToken cancellationToken)
    {
        var request = StartRequest.Of(start);
        return CallAsync(() => grain.StartTurn(request), cancellationToken);
    }

    public async IAsyncEnumerable<Answer<EventBatch>> ReadEventsAsync(TurnAddress turn, int from, ulong reader,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var asking = cluster.UnlessLost(cancellationToken);
        var events = grain.ReadEvents(RequestFor(turn), from, reader, asking?.Token ?? cancellationToken)
            .WithBatchSize(cluster.MessageBatchesMax);
        await foreach (var answer in events.WithCancellation(asking?.Token ?? cancellationToken))
        {
            yield return answer.From(from);
            from += answer.Events.Length;
        }
    }

    public Task StopReadingAsync(ulong reader) => PassAsync(async () =>
    {
        await grain.StopReading(reader);
        return Answer.Given(true);
    }, CancellationToken.None);

    public Task<Answer<bool>> CancelAsync(TurnAddress turn, CancellationToken cancellationToken) =>
        CallAsync(() => grain.Cancel(RequestFor(turn)), cancellationToken);

    public async Task<Answer<ReadOnlyMemory<byte>>> GetAsync(TurnAddress turn, CancellationToken cancellationToken) =>
        Payload.Unwrap(await CallAsync(() => grain.Get(RequestFor(turn)), cancellationToken));

    public async Task<Answer<ReadOnlyMemory<byte>>> GetOutputItemAsync(
        TurnAddress turn, int index, CancellationToken cancellationToken) =>
        Payload.Unwrap(await CallAsync(() => grain.GetOutputItem(RequestFor(turn), index), cancellationToken));

    public async Task<Answer<ReadOnlyMemory<byte>>> ListInputItemsAsync(
        TurnAddress turn, ItemPage page, CancellationToken cancellationToken) =>
        Payload.Unwrap(await CallAsync(
            () => grain.ListInputItems(RequestFor(turn), page.Limit, page.Ascending, page.After), cancellationToken));

    public Task<Answer<bool>> DeleteAsync(TurnAddress turn, CancellationToken cancellationToken) =>
        CallAsync(() => grain.Delete(RequestFor(turn)), cancellationToken);

    public Task<Answer<bool>> HoldAsync(LeaseId lease, CancellationToken cancellationToken) =>
        PassAsync(() => grain.Hold(lease), cancellationToken);

    public Task<Answer<bool>> ReleaseAsync(LeaseId lease, CancellationToken cancellationToken) =>
        PassAsync(() => grain.Release(lease), cancellationToken);

    private static TurnRequest RequestFor(TurnAddress turn) => new(turn.Response.Turn, turn.Lease);

    // Asynchronous, so that the mark is on this call alone.
    private async Task<Answer<bool>> PassAsync(Func<Task<Answer<bool>>> call, CancellationToken cancellationToken)
    {
        PassingCalls.Begin();
        return await CallAsync(call, cancellationToken);
    }

    /// <summary>Makes a call; it is cancelled when its answer may be lost.</summary>
    private async Task<Answer<T>> CallAsync<T>(Func<Task<Answer<T>>> call, CancellationToken cancellationToken)
    {
        using var asking = cluster.UnlessLost(cancellationToken);
        return await call().WaitAsync(asking?.Token ?? cancellationToken);
    }
}
