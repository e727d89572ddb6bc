using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Recognition;
using Evergrain.Grains.Calls;
using Evergrain.Grains.Moving;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Concurrency;
using Orleans.Runtime;
using Orleans.Runtime.Services;
using Orleans.Services;

namespace Evergrain.Grains.Routing;

/// <summary>An unstored turn that a history may continue.</summary>
/// <param name="Key">Which of the keys it has that were asked for.</param>
/// <param name="Conversation">Its conversation.</param>
/// <param name="Turn">The turn there.</param>
/// <param name="Hint">What its client called its chat: see <see cref="HistoryMark.Hint"/>.</param>
[GenerateSerializer]
[Immutable]
[Alias("evergrain.FoundHistory")]
internal readonly record struct FoundHistory(
    [property: Id(0)] int Key,
    [property: Id(1)] UInt128 Conversation,
    [property: Id(2)] TurnId Turn,
    [property: Id(3)] ulong Hint);

/// <summary>The unstored turns that ran in one silo or have moved there, for the other silos.</summary>
[Alias("evergrain.ISiloHistories")]
internal interface ISiloHistories : IGrainService
{
    /// <summary>The turns with some keys: their bytes, one behind the other.</summary>
    [Alias("Find")]
    Task<FoundHistory[]> Find(string tenant, Payload keys, ulong hint);
}

/// <summary>The unstored turns of all silos, for processes that are no silo too. Any silo answers.</summary>
[Alias("evergrain.IClusterHistoryGrain")]
internal interface IClusterHistoryGrain : IGrainWithIntegerKey
{
    /// <summary>The turns with some keys: their bytes, one behind the other.</summary>
    [Alias("Find")]
    Task<FoundHistory[]> Find(string tenant, Payload keys, ulong hint);
}

/// <summary>Answers for this silo.</summary>
internal sealed class SiloHistories(
    GrainId id, Silo silo, ILoggerFactory loggers, IServiceProvider services)
    : GrainService(id, silo, loggers), ISiloHistories
{
    /// <inheritdoc/>
    public Task<FoundHistory[]> Find(string tenant, Payload keys, ulong hint) =>
        Task.FromResult(HistoryKeys.Find(services.GetService<RecognitionIndex>(), tenant, keys, hint));
}

/// <summary>Reaches the <see cref="ISiloHistories"/> of a silo.</summary>
internal sealed class SiloHistoriesClient(IServiceProvider services) : GrainServiceClient<ISiloHistories>(services)
{
    public ISiloHistories Of(SiloAddress silo) => GetGrainService(silo);
}

/// <summary>Asks every silo at once, and puts together what those answer that are in time.</summary>
[Reentrant]
[StatelessWorker(1)]
[GrainType("evergrain.histories")]
internal sealed class ClusterHistoryGrain(
    SiloHistoriesClient silos, LiveSilos live,
    [FromKeyedServices(TimeProviderNames.Grains)] TimeProvider time, IServiceProvider services)
    : Grain, IClusterHistoryGrain
{
    // A silo that does not answer by then is dead, goes, or is of a build that knows no histories.
    private static readonly TimeSpan AnswerTime = TimeSpan.FromMilliseconds(200);

    /// <inheritdoc/>
    public async Task<FoundHistory[]> Find(string tenant, Payload keys, ulong hint)
    {
        var others = await Task.WhenAll(live.Others().Select(silo => AskAsync(silo, tenant, keys, hint)));
        return
        [
            .. HistoryKeys.Find(services.GetService<RecognitionIndex>(), tenant, keys, hint),
            .. others.SelectMany(static found => found),
        ];
    }

    private async Task<FoundHistory[]> AskAsync(SiloAddress silo, string tenant, Payload keys, ulong hint)
    {
        try
        {
            return await silos.Of(silo).Find(tenant, keys, hint).WaitAsync(AnswerTime, time, CancellationToken.None);
        }
        catch (Exception e) when (e is TimeoutException or OrleansException or OperationCanceledException)
        {
            return [];
        }
    }
}

/// <summary>Keys of histories on their way between processes.</summary>
internal static class HistoryKeys
{
    /// <summary>The keys as one run of bytes.</summary>
    public static Payload Join(IReadOnlyList<Digest> keys)
    {
        var bytes = new byte[keys.Count * Digest.Size];
        for (var i = 0; i < keys.Count; i++)
        {
            keys[i].AsSpan().CopyTo(bytes.AsSpan(i * Digest.Size));
        }

        return new Payload(bytes);
    }

    /// <summary>The unstored turns of an index with the keys; null has none.</summary>
    public static FoundHistory[] Find(RecognitionIndex? known, string tenant, Payload keys, ulong hint)
    {
        var cut = Cut(keys);
        return known is null
            ? []
            : [
                .. known.FindFor(tenant, cut, hint).Where(static entry => !entry.Response.Turn.IsStored)
                    .Select(entry => new FoundHistory(Array.IndexOf(cut, entry.Mark.Key),
                        entry.Response.Conversation.Value, entry.Response.Turn, entry.Mark.Hint)),
            ];
    }

    /// <summary>
    /// What was found, by the keys that were asked for; of several turns with one key that of the hint first.
    /// </summary>
    public static IReadOnlyList<HistoryEntry> Read(
        IEnumerable<FoundHistory> found, string tenant, IReadOnlyList<Digest> keys, ulong hint) =>
    [
        .. found.OrderBy(one => one.Hint == hint ? 0 : 1).Select(one => new HistoryEntry(tenant,
            new ResponseId(new ConversationId(one.Conversation), one.Turn),
            new HistoryMark(keys[one.Key], one.Hint))),
    ];

    private static Digest[] Cut(Payload keys) =>
    [
        .. Enumerable.Range(0, keys.Bytes.Length / Digest.Size)
            .Select(i => Digest.From(keys.Bytes.Span.Slice(i * Digest.Size, Digest.Size))),
    ];
}
