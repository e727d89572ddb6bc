using System.Diagnostics.Metrics;
using Evergrain.Frontend.Admission;

namespace Evergrain.Frontend.Telemetry;

/// <summary>What waits to be let in, and what was not. No tenant is named: metrics hold closed sets only.</summary>
internal sealed class AdmissionInstruments
{
    private readonly Meter _meter;
    private readonly Counter<long> _turns;
    private readonly Counter<long> _connections;
    private readonly Counter<long> _requests;

    public AdmissionInstruments(IMeterFactory meters)
    {
        _meter = meters.Create(FrontendInstruments.MeterName);
        _turns = _meter.CreateCounter<long>("evergrain.turns.refused", "{turn}");
        _connections = _meter.CreateCounter<long>("evergrain.connections.refused", "{connection}");
        _requests = _meter.CreateCounter<long>("evergrain.requests.refused", "{request}");
    }

    public void TurnRefused(AdmissionBound bound) => _turns.Add(1, Reason(bound));

    public void ConnectionRefused(AdmissionBound bound) => _connections.Add(1, Reason(bound));

    /// <summary>A request was refused for its bytes, before it was read whole.</summary>
    public void RequestRefused(AdmissionBound bound) => _requests.Add(1, Reason(bound));

    /// <summary>Turns in line; read whenever metrics are.</summary>
    public void ObserveWaitingTurns(Func<long> count) =>
        _meter.CreateObservableUpDownCounter("evergrain.turns.waiting", count, "{turn}");

    /// <summary>Bytes of requests whose turn has not started; read whenever metrics are.</summary>
    public void ObserveReceivedBytes(Func<long> bytes) =>
        _meter.CreateObservableUpDownCounter("evergrain.bytes.receiving", bytes, "By");

    /// <summary>Bytes that conversations hold and cannot give back at once; read whenever metrics are.</summary>
    public void ObserveHeldBytes(Func<long> bytes) =>
        _meter.CreateObservableUpDownCounter("evergrain.bytes.held", bytes, "By");

    private static KeyValuePair<string, object?> Reason(AdmissionBound bound) => new("reason", bound.Reason());
}
