using System.Collections.Concurrent;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace Evergrain.Grains.Moving;

/// <summary>
/// This silo's connections to others, so that one on which nothing is answered can be made anew. Orleans keeps it: it
/// asks about a silo through the others too, finds it well, and goes on to send what it has for it where it gets lost.
/// </summary>
/// <remarks>
/// A firewall that forgot a connection does that, for one. Of two silos each closes what it has opened; Orleans opens
/// another when it next has something to send.
/// </remarks>
internal sealed partial class SiloConnections(ILogger<SiloConnections> logger)
{
    // Twice in a row: one late answer is a busy silo's.
    private const int UnansweredMax = 2;

    private readonly ConcurrentDictionary<ConnectionContext, bool> _open = new();
    private readonly ConcurrentDictionary<SiloAddress, int> _unanswered = new();

    /// <summary>Knows of a connection that this silo has opened, as long as it lasts.</summary>
    public ConnectionDelegate Follow(ConnectionDelegate next) => async connection =>
    {
        _open[connection] = true;
        try
        {
            await next(connection);
        }
        finally
        {
            _open.TryRemove(connection, out _);
        }
    };

    /// <summary>A silo has answered.</summary>
    public void Answered(SiloAddress silo) => _unanswered.TryRemove(silo, out _);

    /// <summary>A live silo did not answer in time.</summary>
    public void Missed(SiloAddress silo)
    {
        if (_unanswered.AddOrUpdate(silo, 1, static (_, before) => before + 1) < UnansweredMax)
        {
            return;
        }

        Answered(silo);
        foreach (var connection in _open.Keys.Where(connection => silo.Endpoint.Equals(connection.RemoteEndPoint)))
        {
            LogClosing(logger, silo, UnansweredMax);
            connection.Abort(new ConnectionAbortedException("The silo does not answer."));
        }
    }

    /// <summary>Forgets silos that are no longer there.</summary>
    public void KeepOnly(IReadOnlySet<SiloAddress> silos)
    {
        foreach (var silo in _unanswered.Keys.Where(silo => !silos.Contains(silo)))
        {
            Answered(silo);
        }
    }

    [LoggerMessage(423, LogLevel.Warning,
        "Silo {Silo} did not answer {Times} times in a row; the connection to it is closed, and made anew.")]
    private static partial void LogClosing(ILogger logger, SiloAddress silo, int times);
}
