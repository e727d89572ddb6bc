using Microsoft.Extensions.Logging;
using Orleans.Metadata;
using Orleans.Runtime.Services;

namespace Evergrain.Grains.Moving;

/// <summary>Takes what other silos tell.</summary>
internal sealed class SiloLoads(GrainId id, Silo silo, ILoggerFactory loggers, ClusterLoads loads, LiveSilos live)
    : GrainService(id, silo, loggers), ISiloLoads
{
    /// <inheritdoc/>
    public Task<SiloLoad> Exchange(SiloAddress silo, SiloLoad load)
    {
        if (load.IsDraining || live.IsKnown(silo))
        {
            loads.Heard(silo, load);
        }

        return Task.FromResult(loads.Own);
    }
}

/// <summary>Reaches the <see cref="ISiloLoads"/> of a silo.</summary>
internal sealed class SiloLoadsClient(IServiceProvider services) : GrainServiceClient<ISiloLoads>(services)
{
    public ISiloLoads Of(SiloAddress silo) => GetGrainService(silo);
}

/// <summary>Tells every silo this one's load, and hears theirs.</summary>
internal sealed partial class LoadExchange(SiloLoadsClient silos, ClusterLoads loads, LiveSilos live,
    SiloConnections connections, ILogger<LoadExchange> logger)
{
    // A silo that does not answer by then is dead, or will be told again.
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(1);

    /// <summary>The cluster as it becomes.</summary>
    public IAsyncEnumerable<ClusterManifest> Changes => live.Changes;

    /// <summary>
    /// Ends when every live silo has answered, or had time to; gives whether all have and can be sent conversations.
    /// </summary>
    public async Task<bool> RunAsync(CancellationToken cancellationToken)
    {
        var others = live.Others();
        loads.KeepOnly(others);
        connections.KeepOnly(others);
        var told = await Task.WhenAll(others.Select(silo => TellAsync(silo, cancellationToken)));
        return told.All(static isTold => isTold);
    }

    private async Task<bool> TellAsync(SiloAddress silo, CancellationToken cancellationToken)
    {
        SiloCall? call = null;
        try
        {
            var telling = silos.Of(silo).Exchange(live.Self, loads.Own);
            call = connections.Begin(telling);
            var load = await telling.WaitAsync(AnswerTime, cancellationToken);
            connections.Answered(silo);
            if (live.IsKnown(silo))
            {
                loads.Heard(silo, load);
                return true;
            }
        }
        catch (Exception e)
        {
            // It is starting, going, or hosts no conversations; or this one is going. Or nothing comes through.
            LogNotTold(logger, e, silo);
            if (e is TimeoutException && call is not null)
            {
                connections.Missed(silo, call);
            }
        }

        return false;
    }

    [LoggerMessage(420, LogLevel.Debug, "Silo {Silo} was not told of this one's load.")]
    private static partial void LogNotTold(ILogger logger, Exception e, SiloAddress silo);
}
