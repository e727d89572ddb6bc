using System.Collections.Concurrent;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace Evergrain.Grains.Moving;

/// <summary>
/// This silo's connections to others, so that one on which nothing is answered can be made anew. Orleans keeps it: it
/// asks about a silo through the others too, finds it well, and goes on to send what it has for it where it gets lost.
/// </summary>
/// <remarks>
/// Of two silos each closes what it has opened; the other hears of that, and Orleans opens another connection when it
/// next has something to send.
/// </remarks>
/// <param name="silence">How long a call must be unanswered, and nothing answered since.</param>
/// <param name="time">The clock of that.</param>
/// <param name="logger">Hears of what is closed.</param>
internal sealed partial class SiloConnections(TimeSpan silence, TimeProvider time, ILogger<SiloConnections> logger)
{
    private readonly ConcurrentDictionary<ConnectionContext, bool> _open = new();
    private readonly ConcurrentDictionary<SiloAddress, SiloCall> _unanswered = new();

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

    /// <summary>A call begins.</summary>
    public SiloCall Begin(Task call) => new(call, time.GetTimestamp());

    /// <summary>A silo has answered.</summary>
    public void Answered(SiloAddress silo) => _unanswered.TryRemove(silo, out _);

    /// <summary>A live silo has not answered a call yet, and nobody waits for it any longer.</summary>
    public void Missed(SiloAddress silo, SiloCall call)
    {
        var oldest = _unanswered.GetOrAdd(silo, call);
        if (oldest.Call.IsCompletedSuccessfully)
        {
            // Late, but an answer: the silo is slow.
            _unanswered.TryUpdate(silo, call, oldest);
        }
        else if (time.GetElapsedTime(oldest.Begun) >= silence &&
            _unanswered.TryRemove(KeyValuePair.Create(silo, oldest)))
        {
            Close(silo);
        }
    }

    /// <summary>Forgets silos that are no longer there.</summary>
    public void KeepOnly(IReadOnlySet<SiloAddress> silos)
    {
        foreach (var silo in _unanswered.Keys.Where(silo => !silos.Contains(silo)))
        {
            _unanswered.TryRemove(silo, out _);
        }
    }

    private void Close(SiloAddress silo)
    {
        var opened = _open.Keys.Where(connection => silo.Endpoint.Equals(connection.RemoteEndPoint)).ToList();
        opened.ForEach(static connection =>
            connection.Abort(new ConnectionAbortedException("The silo does not answer on it.")));
        LogClosed(logger, silo, silence.TotalSeconds, opened.Count);
    }

    [LoggerMessage(423, LogLevel.Warning, "Silo {Silo} has not answered for {Seconds} s: connections that this silo " +
        "had opened to it and closed, so that they are made anew: {Count}.")]
    private static partial void LogClosed(ILogger logger, SiloAddress silo, double seconds, int count);
}

/// <summary>One call to a silo, and when it began.</summary>
internal sealed record SiloCall(Task Call, long Begun);
