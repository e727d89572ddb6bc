using Evergrain.Conversations.Context;
using Evergrain.Conversations.Holding;
using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Orleans.Runtime;

namespace Evergrain.Grains.Routing;

/// <summary>The cluster, as a router reaches it.</summary>
/// <param name="Grains">Its grains.</param>
/// <param name="Losses">Lost connections to silos; null: this process is a silo.</param>
/// <param name="Options">The bounds.</param>
internal sealed record ClusterAccess(IGrainFactory Grains, GatewayLosses? Losses, ConversationClusterOptions Options)
{
    /// <summary>What conversations, and what is read of them, hold in this process; null: nobody counts.</summary>
    public ProcessHolding? Holding { get; init; }

    /// <summary>
    /// Whether asking again may help: a timeout, a silo that died or is going, an enumeration whose activation ended.
    /// </summary>
    public static bool IsPassing(Exception e) =>
        e is TimeoutException or OrleansException or EnumerationAbortedException;

    /// <summary>A conversation's grain.</summary>
    public IConversationCalls Find(ConversationKey key) =>
        new GrainCalls(Grains.GetGrain<IConversationGrain>(ConversationGrainKey.Format(key)), this);

    /// <summary>What every silo holds of the conversations that are asked for.</summary>
    public async ValueTask<RosterAnswer> FindAsync(RosterQuery query, CancellationToken cancellationToken)
    {
        try
        {
            using var asking = UnlessLost(cancellationToken);
            return await Grains.GetGrain<IClusterRosterGrain>(0).Find(query)
                .WaitAsync(asking?.Token ?? cancellationToken);
        }
        catch (Exception e) when (IsPassing(e) || e is ArgumentException ||
            (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            // What the journal holds is listed all the same. Silos of an earlier build have no such grain.
            return new RosterAnswer([], IsComplete: false);
        }
    }

    /// <summary>The unstored turns of a tenant that silos know, by their keys.</summary>
    public async ValueTask<IReadOnlyList<HistoryEntry>> FindHistoriesAsync(
        string tenant, IReadOnlyList<Digest> keys, ulong hint, CancellationToken cancellationToken)
    {
        try
        {
            using var asking = UnlessLost(cancellationToken);
            var found = await Grains.GetGrain<IClusterHistoryGrain>(0).Find(tenant, HistoryKeys.Join(keys), hint)
                .WaitAsync(asking?.Token ?? cancellationToken);
            return HistoryKeys.Read(found, tenant, keys, hint);
        }
        catch (Exception e) when (IsPassing(e) || e is ArgumentException ||
            (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            // A new conversation begins. Silos of an earlier build have no such grain.
            return [];
        }
    }

    /// <summary>Puts together what comes in pieces for a tenant.</summary>
    public ArrivingPieces PiecesOf(string tenant) => new(Holding?.Of(tenant));

    /// <summary>
    /// For one call: is cancelled when its caller leaves, or when its answer may be lost. Null: it cannot be lost
    /// unnoticed.
    /// </summary>
    public CancellationTokenSource? UnlessLost(CancellationToken cancellationToken) => Losses is null
        ? null
        : CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, Losses.Next);
}
