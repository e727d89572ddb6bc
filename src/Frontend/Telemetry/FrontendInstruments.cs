using System.Diagnostics.Metrics;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Timing;
using Evergrain.Conversations.Wire;

namespace Evergrain.Frontend.Telemetry;

/// <summary>What the frontend counts, times and reports, behind verbs. Durations are in seconds.</summary>
internal sealed class FrontendInstruments
{
    public const string MeterName = GenAi.SourceName;

    private readonly RefusalLog _refusals;
    private readonly Counter<long> _errors;
    private readonly Counter<long> _keepalives;

    public FrontendInstruments(IMeterFactory meters, RefusalLog refusals, TurnReports turns, FaultReporter faults)
    {
        (_refusals, Turns, Faults) = (refusals, turns, faults);
        var meter = meters.Create(MeterName);
        Connections = new ConnectionStates(meter);
        _errors = meter.CreateCounter<long>("evergrain.errors.sent", "{error}", "Errors that clients got, by code.");

        // The code that an alert watches.
        CountErrors(new Refusal(RefusalKind.Internal, ""), 0);
        _keepalives = meter.CreateCounter<long>("evergrain.keepalives.sent", "{frame}",
            "Signs of life that clients got during silent waits.");

        // The runtime publishes these two as counters, and they go up and down.
        meter.CreateObservableUpDownCounter(ExportedMetrics.Threads, static () => (long)ThreadPool.ThreadCount,
            "{thread}", "Threads of the thread pool.");
        meter.CreateObservableUpDownCounter(ExportedMetrics.QueueLength,
            static () => ThreadPool.PendingWorkItemCount, "{work_item}", "Work that waits for the thread pool.");
    }

    /// <summary>Makes faults into what a client may read.</summary>
    public FaultReporter Faults { get; }

    /// <summary>Counts turns, and where their time went.</summary>
    public TurnReports Turns { get; }

    /// <summary>Counts open WebSockets by what they do.</summary>
    public ConnectionStates Connections { get; }

    /// <summary>An error goes to a client.</summary>
    public void ErrorSent(Refusal refusal)
    {
        CountErrors(refusal, 1);
        _refusals.Note(refusal);
    }

    public void KeepaliveSent() => _keepalives.Add(1);

    private void CountErrors(Refusal refusal, int errors) =>
        _errors.Add(errors, new KeyValuePair<string, object?>("code", ErrorWriter.CodeOf(refusal)));
}
