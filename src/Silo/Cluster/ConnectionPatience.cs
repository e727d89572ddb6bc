using Microsoft.Extensions.Logging;
using Orleans;

namespace Evergrain.Silo.Cluster;

/// <summary>How long a frontend looks for a first silo: it may well start before one.</summary>
internal sealed partial class ConnectionPatience(MemberOptions options, TimeProvider time,
    ILogger<ConnectionPatience> logger) : IClientConnectionRetryFilter
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);
    private readonly long _begun = time.GetTimestamp();
    private bool _hasSaid;

    public async Task<bool> ShouldRetryConnectionAttempt(Exception exception, CancellationToken cancellationToken)
    {
        if (time.GetElapsedTime(_begun) > options.ConnectTimeout)
        {
            throw new NoSiloException(options.ConnectTimeout);
        }

        if (!_hasSaid)
        {
            _hasSaid = true;
            LogWaiting(logger, options.ConnectTimeout);
        }

        await Task.Delay(Pause, time, cancellationToken);
        return true;
    }

    [LoggerMessage(502, LogLevel.Warning, "No silo answers yet; the frontend looks for one, for {Time}.")]
    private static partial void LogWaiting(ILogger logger, TimeSpan time);
}

/// <summary>A frontend found no silo.</summary>
internal sealed class NoSiloException(TimeSpan waited) : Exception(
    $"No silo answered within {waited}: start one, or see that it and this frontend name the same cluster.");
