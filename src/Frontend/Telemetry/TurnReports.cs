using System.Diagnostics.Metrics;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Timing;
using Microsoft.Extensions.Logging;

namespace Evergrain.Frontend.Telemetry;

/// <summary>How a turn ended for the client that asked for it.</summary>
internal enum TurnEnd
{
    /// <summary>Its terminal event was handed over.</summary>
    Delivered,

    /// <summary>Its create was refused, or its events could not go on.</summary>
    Refused,

    /// <summary>Its client left, or the server stopped, before its end.</summary>
    Left,

    /// <summary>A fault of ours.</summary>
    Fault,
}

/// <summary>
/// Counts turns, and tells metrics and the log where the time of each went. Each turn that started ends here once.
/// </summary>
internal sealed partial class TurnReports
{
    private readonly ILogger<TurnReports> _logger;
    private readonly BoundedNames _tools = new();
    private readonly Counter<long> _started;
    private readonly Counter<long> _repeated;
    private readonly Counter<long> _received;
    private readonly Counter<long> _sent;
    private readonly Histogram<double> _turns;
    private readonly Histogram<double> _phases;
    private readonly Histogram<double> _hidden;
    private readonly Histogram<double> _contexts;
    private readonly Histogram<double> _toolWaits;

    public TurnReports(IMeterFactory meters, ILogger<TurnReports> logger)
    {
        _logger = logger;
        var meter = meters.Create(FrontendInstruments.MeterName);
        _started = meter.CreateCounter<long>("evergrain.turns.started", "{turn}",
            "Turns that got a place. Those that ended, by outcome, and those that run add up to them.");
        _repeated = meter.CreateCounter<long>("evergrain.turns.repeated", "{turn}",
            "Turns that nobody read and whose create came again in the same bytes: each was told to end.");
        _received = meter.CreateCounter<long>("evergrain.bytes.received", null, "Bytes of creates whose turn ended.");
        _sent = meter.CreateCounter<long>("evergrain.bytes.sent", null, "Bytes of events that were delivered.");
        _turns = meter.CreateHistogram<double>("evergrain.turns.ended", "s",
            "Turns that ended, by outcome, and their time from the create's last byte.");
        _phases = meter.CreateHistogram<double>("evergrain.phases.ended", "s",
            "What turns waited for, by phase. The phases of a turn add up to its time.");
        _hidden = meter.CreateHistogram<double>("evergrain.phases.hidden", "s",
            "What went on while a turn waited for something else, by phase.");
        _contexts = meter.CreateHistogram<double>("evergrain.contexts.made", "s",
            "The time of phase context, by where the context came from and by the items that it holds.");
        _toolWaits = meter.CreateHistogram<double>("gen_ai.execute_tool.duration", "s",
            "Time between a call and the arrival of its output, by tool.");
    }

    /// <summary>A turn has its place.</summary>
    public void Started() => _started.Add(1);

    /// <summary>A turn that nobody reads was cancelled, since its create came again.</summary>
    public void Repeated() => _repeated.Add(1);

    /// <summary>A turn's terminal event was handed over.</summary>
    public void Ended(ResponseId response, TurnTiming timing)
    {
        RecordEnd(TurnEnd.Delivered, timing.Total);
        foreach (var phase in TurnPhases.All)
        {
            Record(_phases, phase, timing.Of(phase));
            Record(_hidden, phase, timing.HiddenOf(phase));
        }

        _received.Add(timing.BytesIn);
        _sent.Add(timing.BytesOut);
        _contexts.Record(timing.Context.TotalSeconds, new("source", NameOf(timing.Source)),
            new("items", NameOf(timing.ItemsHeld)));
        foreach (var tool in timing.Tools)
        {
            _toolWaits.Record(tool.Waited.TotalSeconds, new(GenAi.Operation, GenAi.ExecuteTool),
                new(GenAi.ToolName, _tools.Of(tool.Name)));
        }

        LogTurn(response, timing.Total, timing.WithoutModel, timing);
    }

    /// <summary>A turn's client gets no terminal event.</summary>
    public void BrokeOff(TurnEnd end, TimeSpan elapsed) => RecordEnd(end, elapsed);

    /// <summary>A source's name in metrics and events.</summary>
    public static string NameOf(ContextSource source) => source switch
    {
        ContextSource.Reloaded => "reloaded",
        ContextSource.Rebuilt => "rebuilt",
        ContextSource.Moved => "moved",
        ContextSource.Recognised => "recognised",
        _ => "warm",
    };

    // By powers of ten: the label has few values however long conversations become.
    private static string NameOf(int items) => items switch
    {
        < 10 => "0-9",
        < 100 => "10-99",
        < 1_000 => "100-999",
        < 10_000 => "1000-9999",
        _ => "10000-",
    };

    /// <summary>An end's name in metrics and spans.</summary>
    public static string NameOf(TurnEnd end) => end switch
    {
        TurnEnd.Delivered => "delivered",
        TurnEnd.Refused => "refused",
        TurnEnd.Left => "left",
        _ => "fault",
    };

    private static void Record(Histogram<double> histogram, TurnPhase phase, TimeSpan elapsed)
    {
        if (elapsed > TimeSpan.Zero)
        {
            histogram.Record(elapsed.TotalSeconds,
                new KeyValuePair<string, object?>("phase", TurnPhases.NameOf(phase)));
        }
    }

    private void RecordEnd(TurnEnd end, TimeSpan elapsed) =>
        _turns.Record(elapsed.TotalSeconds, new KeyValuePair<string, object?>("outcome", NameOf(end)));

    [LoggerMessage(EventId = 1004, Level = LogLevel.Debug,
        Message = "Response {Response} took {Total}, {WithoutModel} of it without the model: {Timing}")]
    private partial void LogTurn(ResponseId response, TimeSpan total, TimeSpan withoutModel, TurnTiming timing);
}
