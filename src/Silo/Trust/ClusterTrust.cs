using Evergrain.Conversations.Ports;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Evergrain.Silo.Trust;

/// <summary>Holds the identity for new connections, and renews it while the process runs.</summary>
internal sealed partial class ClusterTrust(ITrustSource source, TimeProvider time, ILogger<ClusterTrust> logger)
    : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan RepeatInterval = TimeSpan.FromHours(1);

    private volatile ClusterIdentity? _identity;
    private string? _reported;
    private DateTimeOffset _warnAt;

    /// <summary>The identity; connections that are open keep the one they began with.</summary>
    public ClusterIdentity Identity => _identity ?? throw new InvalidOperationException("No identity was read yet.");

    /// <summary>How long peers will accept it; below zero when they do not any more.</summary>
    public TimeSpan Left => Identity.EndsAt - time.GetUtcNow();

    /// <summary>Reads it for the first time.</summary>
    /// <exception cref="InvalidDataException">It cannot be used.</exception>
    /// <exception cref="JournalUnavailableException">The store cannot be read.</exception>
    public async Task OpenAsync(CancellationToken cancellationToken) =>
        Take((await source.ReadAsync(cancellationToken))!);

    /// <summary>
    /// Looks once. A source that fails, however it does, changes nothing, and the same failure is reported once.
    /// </summary>
    internal async Task RenewAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (await source.ReadAsync(cancellationToken) is { } renewed)
            {
                Take(renewed);
                LogRenewed(logger, renewed.EndsAt);
            }

            _reported = null;
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            var reason = $"{e.Message} {(e as InvalidDataException)?.InnerException?.Message}".TrimEnd();
            if (reason != _reported)
            {
                _reported = reason;
                LogKept(logger, reason, Identity.EndsAt);
            }
        }

        WarnOfEnd();
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

    private void Take(ClusterIdentity identity)
    {
        _identity = identity;
        var life = identity.EndsAt - new DateTimeOffset(identity.Certificate.NotBefore);
        _warnAt = identity.EndsAt - (life / 3);
    }

    /// <summary>Says once that a third of its life is left, and each hour that it has ended.</summary>
    private void WarnOfEnd()
    {
        var (now, end) = (time.GetUtcNow(), Identity.EndsAt);
        if (now < _warnAt)
        {
            return;
        }

        if (now < end)
        {
            _warnAt = end;
            LogEndsSoon(logger, end);
        }
        else
        {
            _warnAt = now + RepeatInterval;
            LogEnded(logger, end);
        }
    }

    [LoggerMessage(510, LogLevel.Information, "The cluster certificate was renewed; it ends at {End:u}.")]
    private static partial void LogRenewed(ILogger logger, DateTimeOffset end);

    [LoggerMessage(511, LogLevel.Warning,
        "The cluster certificate was not renewed, and the old one ends at {End:u}: {Reason}")]
    private static partial void LogKept(ILogger logger, string reason, DateTimeOffset end);

    [LoggerMessage(514, LogLevel.Warning, "The cluster certificate, or one that it rests on, ends at {End:u}: " +
        "replace it before, or this process loses the others.")]
    private static partial void LogEndsSoon(ILogger logger, DateTimeOffset end);

    [LoggerMessage(515, LogLevel.Error, "The cluster certificate, or one that it rests on, ended at {End:u}: other " +
        "processes refuse new connections of this one. Replace it; nothing has to restart.")]
    private static partial void LogEnded(ILogger logger, DateTimeOffset end);
}
