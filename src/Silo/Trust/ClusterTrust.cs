using Evergrain.Conversations.Ports;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Evergrain.Silo.Trust;

/// <summary>Holds the identity for new connections, and renews it while the process runs.</summary>
internal sealed partial class ClusterTrust(ITrustSource source, TimeProvider time, ILogger<ClusterTrust> logger)
    : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private volatile ClusterIdentity? _identity;
    private string? _reported;

    /// <summary>The identity; connections that are open keep the one they began with.</summary>
    public ClusterIdentity Identity => _identity ?? throw new InvalidOperationException("No identity was read yet.");

    /// <summary>Reads it for the first time.</summary>
    /// <exception cref="InvalidDataException">It cannot be used.</exception>
    /// <exception cref="JournalUnavailableException">The database cannot be read.</exception>
    public async Task OpenAsync(CancellationToken cancellationToken) =>
        _identity = await source.ReadAsync(cancellationToken);

    /// <summary>Looks once. A source that fails changes nothing, and the same failure is reported once.</summary>
    internal async Task RenewAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (await source.ReadAsync(cancellationToken) is { } renewed)
            {
                _identity = renewed;
                LogRenewed(logger, renewed.Certificate.NotAfter.ToUniversalTime());
            }

            _reported = null;
        }
        catch (Exception e) when (e is InvalidDataException or JournalUnavailableException)
        {
            var reason = $"{e.Message} {(e as InvalidDataException)?.InnerException?.Message}".TrimEnd();
            if (reason != _reported)
            {
                _reported = reason;
                LogKept(logger, reason, Identity.Certificate.NotAfter.ToUniversalTime());
            }
        }
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await RenewAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The process stops.
        }
    }

    [LoggerMessage(510, LogLevel.Information, "The cluster certificate was renewed; it ends at {End:u}.")]
    private static partial void LogRenewed(ILogger logger, DateTime end);

    [LoggerMessage(511, LogLevel.Warning, "The cluster certificate was not renewed, and the old one ends at {End:u} " +
        "(local time): {Reason}")]
    private static partial void LogKept(ILogger logger, string reason, DateTime end);
}
