using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace Evergrain.Silo.Trust;

/// <summary>Reports peers that were refused or refuse; the same of one address once in a while.</summary>
internal sealed partial class PeerReports(TimeProvider time, ILogger<PeerReports> logger)
{
    // A refused process tries again about once a second.
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    // Refused processes of a large cluster; beyond that all are forgotten, and reported again.
    private const int RememberedMax = 256;

    private readonly Lock _lock = new();
    private readonly Dictionary<(string Peer, string Reason), long> _reported = [];

    /// <summary>This silo has refused a connection.</summary>
    public void Refused(ConnectionContext connection, string reason)
    {
        // Each try has another port.
        var peer = (connection.RemoteEndPoint as IPEndPoint)?.Address.ToString() ?? "an unknown address";
        if (IsNew(peer, reason))
        {
            LogRefused(logger, peer, $"{connection.LocalEndPoint}", reason);
        }
    }

    /// <summary>A connection to a silo came to nothing.</summary>
    public void Failed(ConnectionContext connection, string reason)
    {
        var silo = $"{connection.RemoteEndPoint}";
        if (IsNew(silo, reason))
        {
            LogFailed(logger, silo, reason);
        }
    }

    private bool IsNew(string peer, string reason)
    {
        var now = time.GetTimestamp();
        lock (_lock)
        {
            if (_reported.TryGetValue((peer, reason), out var last) && time.GetElapsedTime(last, now) < Interval)
            {
                return false;
            }

            if (_reported.Count >= RememberedMax)
            {
                _reported.Clear();
            }

            _reported[(peer, reason)] = now;
            return true;
        }
    }

    [LoggerMessage(512, LogLevel.Warning, "Refused a process at {Peer} that connected to {Local}: {Reason}.")]
    private static partial void LogRefused(ILogger logger, string peer, string local, string reason);

    [LoggerMessage(513, LogLevel.Warning, "The silo at {Silo} cannot be reached, and is tried again: {Reason}.")]
    private static partial void LogFailed(ILogger logger, string silo, string reason);
}
