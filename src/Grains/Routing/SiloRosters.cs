using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ports;
using Evergrain.Grains.Moving;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Concurrency;
using Orleans.Runtime;
using Orleans.Runtime.Services;
using Orleans.Services;

namespace Evergrain.Grains.Routing;

/// <summary>What one silo holds, for the other silos.</summary>
[Alias("evergrain.ISiloRosters")]
internal interface ISiloRosters : IGrainService
{
    /// <summary>The conversations that are asked for and held there.</summary>
    [Alias("Find")]
    Task<HeldConversation[]> Find(RosterQuery query);
}

/// <summary>What all silos hold, for processes that are no silo too. Any silo answers.</summary>
[Alias("evergrain.IClusterRosterGrain")]
internal interface IClusterRosterGrain : IGrainWithIntegerKey
{
    /// <summary>The conversations that are asked for and held anywhere.</summary>
    [Alias("Find")]
    Task<RosterAnswer> Find(RosterQuery query);
}

/// <summary>Answers for this silo.</summary>
internal sealed class SiloRosters(
    GrainId id, Silo silo, ILoggerFactory loggers, ConversationInstruments instruments)
    : GrainService(id, silo, loggers), ISiloRosters
{
    /// <inheritdoc/>
    public Task<HeldConversation[]> Find(RosterQuery query) =>
        Task.FromResult<HeldConversation[]>([.. instruments.Roster.Find(query)]);
}

/// <summary>Reaches the <see cref="ISiloRosters"/> of a silo.</summary>
internal sealed class SiloRostersClient(IServiceProvider services) : GrainServiceClient<ISiloRosters>(services)
{
    public ISiloRosters Of(SiloAddress silo) => GetGrainService(silo);
}

/// <summary>Asks every silo at once, and puts together what those answer that are in time.</summary>
[Reentrant]
[StatelessWorker(1)]
[GrainType("evergrain.roster")]
internal sealed class ClusterRosterGrain(
    SiloRostersClient silos, LiveSilos live,
    [FromKeyedServices(TimeProviderNames.Grains)] TimeProvider time, ConversationInstruments instruments)
    : Grain, IClusterRosterGrain
{
    // A silo that does not answer by then is dead, goes, or is of a build that knows no roster.
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(2);

    /// <inheritdoc/>
    public async Task<RosterAnswer> Find(RosterQuery query)
    {
        var others = await Task.WhenAll(live.Others().Select(silo => AskAsync(silo, query)));
        return new RosterAnswer(
            [.. instruments.Roster.Find(query), .. others.SelectMany(static found => found ?? [])],
            Array.TrueForAll(others, static found => found is not null));
    }

    private async Task<HeldConversation[]?> AskAsync(SiloAddress silo, RosterQuery query)
    {
        try
        {
            return await silos.Of(silo).Find(query).WaitAsync(AnswerTime, time, CancellationToken.None);
        }
        catch (Exception e) when (e is TimeoutException or OrleansException or OperationCanceledException)
        {
            // The answer says that it is not complete.
            return null;
        }
    }
}
