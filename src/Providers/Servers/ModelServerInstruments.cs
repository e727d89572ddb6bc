using System.Diagnostics.Metrics;

namespace Evergrain.Providers.Servers;

/// <summary>What calls to model servers did, as counters of the meter <c>Evergrain</c>.</summary>
public sealed class ModelServerInstruments
{
    private readonly Counter<long> _calls;
    private readonly Counter<long> _failovers;
    private readonly Counter<long> _copied;
    private readonly Counter<double> _copying;
    private readonly Counter<double> _sending;

    /// <summary>Creates the instruments in a factory's meter, so that each server of a process has its own.</summary>
    public ModelServerInstruments(IMeterFactory meters)
    {
        ArgumentNullException.ThrowIfNull(meters);
        var meter = meters.Create("Evergrain");
        _calls = meter.CreateCounter<long>("evergrain.calls.ended", "{call}", "Calls to model servers that ended.");
        _failovers = meter.CreateCounter<long>("evergrain.calls.moved", "{call}",
            "Times a call went on to another URL of its server.");
        _copied = meter.CreateCounter<long>("evergrain.body.copied", "By", "Bytes of request bodies copied.");
        _copying = meter.CreateCounter<double>("evergrain.body.copied.time", "s", "Time that copying them took.");
        _sending = meter.CreateCounter<double>("evergrain.body.sent.time", "s",
            "Time that sending them took, copying and waiting for the network included.");
    }

    internal void CallEnded(string server, CallOutcome outcome) => _calls.Add(1,
        new KeyValuePair<string, object?>("server", server),
        new KeyValuePair<string, object?>("outcome", NameOf(outcome)));

    internal void CallMoved(string server) => _failovers.Add(1, new KeyValuePair<string, object?>("server", server));

    internal void BodyCopied(long bytes, TimeSpan copying, TimeSpan sending)
    {
        _copied.Add(bytes);
        _copying.Add(copying.TotalSeconds);
        _sending.Add(sending.TotalSeconds);
    }

    private static string NameOf(CallOutcome outcome) => outcome switch
    {
        CallOutcome.Completed => "completed",
        CallOutcome.Incomplete => "incomplete",
        CallOutcome.Failed => "failed",
        CallOutcome.Refused => "refused",
        CallOutcome.RateLimited => "rate_limited",
        CallOutcome.Unreachable => "unreachable",
        CallOutcome.Faulted => "faulted",
        CallOutcome.TimedOut => "timed_out",
        CallOutcome.Broken => "broken",
        _ => "cancelled",
    };
}

/// <summary>How a call to a model server ended.</summary>
internal enum CallOutcome
{
    /// <summary>The caller left, or cancelled.</summary>
    Cancelled,

    /// <summary>The answer is whole.</summary>
    Completed,

    /// <summary>The answer is cut: length or content filter.</summary>
    Incomplete,

    /// <summary>The answer itself said that it failed.</summary>
    Failed,

    /// <summary>The server does not take the request: a 4xx that trying again would not change.</summary>
    Refused,

    /// <summary>The server takes no more for now: 429.</summary>
    RateLimited,

    /// <summary>There was no connection, or it broke before an answer.</summary>
    Unreachable,

    /// <summary>The server says that it failed: a 5xx, or something that is no answer at all.</summary>
    Faulted,

    /// <summary>A timeout of ours.</summary>
    TimedOut,

    /// <summary>The answer broke off, or made no sense.</summary>
    Broken,
}
