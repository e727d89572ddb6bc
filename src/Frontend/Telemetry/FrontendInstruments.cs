using System.Diagnostics.Metrics;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Wire;

namespace Evergrain.Frontend.Telemetry;

/// <summary>What the frontend counts and times, behind verbs. Durations are in seconds.</summary>
internal sealed class FrontendInstruments
{
    public const string MeterName = "Evergrain";

    private readonly TimeProvider _time;
    private readonly RefusalLog _refusals;
    private readonly UpDownCounter<long> _connections;
    private readonly Counter<long> _started;
    private readonly Counter<long> _errors;
    private readonly Counter<long> _keepalives;
    private readonly Histogram<double> _turns;
    private readonly Histogram<double> _phases;

    public FrontendInstruments(IMeterFactory meters, TimeProvider time, RefusalLog refusals)
    {
        (_time, _refusals) = (time, refusals);
        var meter = meters.Create(MeterName);
        _connections = meter.CreateUpDownCounter<long>("evergrain.connections.held", "{connection}");
        _started = meter.CreateCounter<long>("evergrain.turns.started", "{turn}");
        _errors = meter.CreateCounter<long>("evergrain.errors.sent", "{error}");
        _keepalives = meter.CreateCounter<long>("evergrain.keepalives.sent", "{frame}");
        _turns = meter.CreateHistogram<double>("evergrain.turns.ended", "s");
        _phases = meter.CreateHistogram<double>("evergrain.phases.ended", "s");
    }

    public void ConnectionOpened() => _connections.Add(1);

    public void ConnectionClosed() => _connections.Add(-1);

    /// <summary>An error goes to a client.</summary>
    public void ErrorSent(Refusal refusal)
    {
        _errors.Add(1, new KeyValuePair<string, object?>("code", ErrorWriter.CodeOf(refusal)));
        _refusals.Note(refusal);
    }

    public void KeepaliveSent() => _keepalives.Add(1);

    /// <summary>A create left the queue it had waited in since <paramref name="queuedAt"/>.</summary>
    public void TurnStarted(long queuedAt)
    {
        _started.Add(1);
        RecordPhase("queue", _time.GetElapsedTime(queuedAt));
    }

    /// <summary>The terminal event was sent; <paramref name="delivering"/> is the time spent in sends.</summary>
    public void TurnEnded(long startedAt, TimeSpan delivering)
    {
        _turns.Record(_time.GetElapsedTime(startedAt).TotalSeconds);
        RecordPhase("deliver", delivering);
    }

    private void RecordPhase(string phase, TimeSpan elapsed) =>
        _phases.Record(elapsed.TotalSeconds, new KeyValuePair<string, object?>("phase", phase));
}
