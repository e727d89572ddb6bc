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
        _turns = _meter.CreateCounter<long>("evergrain.turns.refused", "{turn}",
            "Turns that were refused for a bound, by reason.");
        _connections = _meter.CreateCounter<long>("evergrain.connections.refused", "{connection}",
            "Upgrades that were refused for a bound, by reason.");
        _requests = _meter.CreateCounter<long>("evergrain.requests.refused", "{request}",
            "Requests that were refused for their bytes, by reason.");
        BeginAtZero(_turns, AdmissionBound.TenantRunning, AdmissionBound.ServerRunning, AdmissionBound.ModelCalls,
            AdmissionBound.TenantWaiting, AdmissionBound.ServerWaiting, AdmissionBound.TenantTurnsPerMinute,
            AdmissionBound.TenantTokensPerMinute);
        BeginAtZero(_connections, AdmissionBound.TenantConnections, AdmissionBound.ServerConnections);
        BeginAtZero(_requests, AdmissionBound.TenantBytes, AdmissionBound.ServerBytes);
    }

    public void TurnRefused(AdmissionBound bound) => _turns.Add(1, Reason(bound));

    public void ConnectionRefused(AdmissionBound bound) => _connections.Add(1, Reason(bound));

    /// <summary>A request was refused for its bytes, before it was read whole.</summary>
    public void RequestRefused(AdmissionBound bound) => _requests.Add(1, Reason(bound));

    /// <summary>Turns in line; read whenever metrics are.</summary>
    public void ObserveWaitingTurns(Func<long> count) =>
        _meter.CreateObservableUpDownCounter("evergrain.turns.waiting", count, "{turn}",
            "Turns in line for a place.");

    /// <summary>How many WebSockets may be open; read whenever metrics are.</summary>
    public void ObserveAllowedConnections(Func<long> count) =>
        _meter.CreateObservableUpDownCounter("evergrain.connections.allowed", count, "{connection}",
            "WebSockets that the process takes, at most.");

    /// <summary>Bytes of requests whose turn has not started; read whenever metrics are.</summary>
    public void ObserveReceivedBytes(Func<long> bytes) =>
        _meter.CreateObservableUpDownCounter("evergrain.bytes.receiving", bytes, null,
            "Bytes of requests whose turn has not started.");

    /// <summary>Bytes that conversations hold and cannot give back at once; read whenever metrics are.</summary>
    public void ObserveHeldBytes(Func<long> bytes) =>
        _meter.CreateObservableUpDownCounter("evergrain.bytes.held", bytes, null,
            "Bytes of running and unstored turns, which cannot leave memory.");

    private static void BeginAtZero(Counter<long> counter, params ReadOnlySpan<AdmissionBound> bounds)
    {
        foreach (var bound in bounds)
        {
            counter.Add(0, Reason(bound));
        }
    }

    private static KeyValuePair<string, object?> Reason(AdmissionBound bound) => new("reason", bound.Reason());
}
