using Microsoft.Extensions.Logging;
using Orleans.Runtime.Services;

namespace Evergrain.Grains.Moving;

/// <summary>Takes what other silos tell.</summary>
internal sealed class SiloLoads(GrainId id, Silo silo, ILoggerFactory loggers, ClusterLoads loads)
    : GrainService(id, silo, loggers), ISiloLoads
{
    /// <inheritdoc/>
    public Task<SiloLoad> Exchange(SiloAddress silo, SiloLoad load)
    {
        loads.Heard(silo, load);
        return Task.FromResult(loads.Own);
    }
}

/// <summary>Reaches the <see cref="ISiloLoads"/> of a silo.</summary>
internal sealed class SiloLoadsClient(IServiceProvider services) : GrainServiceClient<ISiloLoads>(services)
{
    public ISiloLoads Of(SiloAddress silo) => GetGrainService(silo);
}

/// <summary>Tells every silo this one's load, and hears theirs.</summary>
internal sealed partial class LoadExchange(SiloLoadsClient silos, ClusterLoads loads,
    IClusterMembershipService membership, ILocalSiloDetails self, ILogger<LoadExchange> logger)
{
    // A silo that does not answer by then is dead, or will be told again.
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(1);

    /// <summary>The cluster as it becomes.</summary>
    public IAsyncEnumerable<ClusterMembershipSnapshot> Changes => membership.MembershipUpdates;

    /// <summary>Ends when every live silo has answered, or had time to.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var live = membership.CurrentSnapshot.Members.Values
            .Where(member => member.Status == SiloStatus.Active && !member.SiloAddress.Equals(self.SiloAddress))
            .Select(static member => member.SiloAddress).ToHashSet();
        loads.KeepOnly(live);
        await Task.WhenAll(live.Select(silo => TellAsync(silo, cancellationToken)));
    }

    private async Task TellAsync(SiloAddress silo, CancellationToken cancellationToken)
    {
        try
        {
            var load = await silos.Of(silo).Exchange(self.SiloAddress, loads.Own)
                .WaitAsync(AnswerTime, cancellationToken);
            loads.Heard(silo, load);
        }
        catch (Exception e)
        {
            // It is starting, going, or hosts no conversations; or this one is going.
            LogNotTold(logger, e, silo);
        }
    }

    [LoggerMessage(420, LogLevel.Debug, "Silo {Silo} was not told of this one's load.")]
    private static partial void LogNotTold(ILogger logger, Exception e, SiloAddress silo);
}
