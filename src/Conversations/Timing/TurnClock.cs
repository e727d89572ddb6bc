using System.Runtime.CompilerServices;
using Evergrain.Conversations.Records;

namespace Evergrain.Conversations.Timing;

/// <summary>
/// The clock of one turn in the process that holds its conversation. It runs from the arrival of the create to the end
/// of the turn, and is in one phase at each instant.
/// </summary>
/// <remarks>
/// A conversation tells it what it waits for and never learns what it measured. It looks at the time when that changes,
/// and not with each event.
/// </remarks>
internal sealed class TurnClock
{
    private readonly TimeProvider _time;
    private readonly TimeSpan _waitedBefore;
    private readonly TimeSpan _opening;
    private readonly long _arrivedAt;
    private PhaseSums _phases;
    private PhaseSums _hidden;
    private long _since;
    private TurnPhase _phase = TurnPhase.Context;
    private TurnPhase _behind = TurnPhase.Context;
    private ContextSource _source;
    private (int Held, int New, int Rendered) _items;
    private ToolWait[] _tools = [];
    private string _model = string.Empty;
    private List<ShownCall>? _calls;
    private int _unshown;

    /// <summary>Starts it: the create has arrived.</summary>
    /// <param name="time">The clock of this process.</param>
    /// <param name="waitedBefore">How long ago the create's last byte came to its first process.</param>
    /// <param name="opening">How long the conversation had been opening for this create.</param>
    public TurnClock(TimeProvider time, TimeSpan waitedBefore, TimeSpan opening)
    {
        (_time, _waitedBefore, _opening) = (time, waitedBefore, opening);
        _since = _arrivedAt = time.GetTimestamp();
    }

    /// <summary>The tool calls of the turn; null: it made none.</summary>
    public IReadOnlyList<ShownCall>? ToolCalls => _calls;

    /// <summary>From now on the turn waits for this.</summary>
    public void Enter(TurnPhase phase) => Enter(phase, phase);

    /// <summary>From now on the turn waits for this.</summary>
    /// <param name="phase">What it waits for.</param>
    /// <param name="behind">What goes on meanwhile and is hidden; the phase itself: nothing.</param>
    public void Enter(TurnPhase phase, TurnPhase behind)
    {
        if (phase != _phase || behind != _behind)
        {
            Settle();
            (_phase, _behind) = (phase, behind);
        }
    }

    /// <summary>Notes where the context of before comes from.</summary>
    public void ContextFrom(ContextSource source) => _source = source;

    /// <summary>Notes the context.</summary>
    /// <param name="held">Items the model is called with.</param>
    /// <param name="added">Those that came with the turn.</param>
    /// <param name="again">Items of before that had to be rendered.</param>
    public void ContextMade(int held, int added, int again)
    {
        _items = (held, added, added + again);
        _source = _source == ContextSource.Warm && again > 0 ? ContextSource.Rebuilt : _source;
    }

    /// <summary>Notes the model that is called.</summary>
    public void Calls(string model) => _model = model;

    /// <summary>Notes that the turn answers calls of the one before.</summary>
    /// <param name="calls">That turn's calls.</param>
    /// <param name="answered">The ids of those that are answered.</param>
    public void Answers(IReadOnlyList<ShownCall> calls, IReadOnlySet<string> answered)
    {
        var waits = new List<ToolWait>();
        foreach (var call in calls)
        {
            if (call.ShownAt is { } shownAt && answered.Contains(call.CallId))
            {
                var waited = _time.GetElapsedTime(shownAt, _arrivedAt) - _waitedBefore;
                waits.Add(new ToolWait(call.Tool, call.CallId, waited > TimeSpan.Zero ? waited : TimeSpan.Zero));
            }
        }

        _tools = [.. waits];
    }

    /// <summary>Notes a call that the model made.</summary>
    /// <param name="callId">The call.</param>
    /// <param name="tool">The tool's name.</param>
    /// <param name="number">The number of its <c>output_item.done</c>.</param>
    public void Made(string callId, string tool, int number)
    {
        (_calls ??= []).Add(new ShownCall(callId, tool, number));
        _unshown++;
    }

    /// <summary>Notes how many events readers may have.</summary>
    public void Show(int visible)
    {
        while (_unshown > 0 && _calls![^_unshown].Number < visible)
        {
            _calls[^_unshown] = _calls[^_unshown] with { ShownAt = _time.GetTimestamp() };
            _unshown--;
        }
    }

    /// <summary>What was measured so far.</summary>
    /// <param name="ending">How the turn ended; null: it runs.</param>
    public TurnTiming Report(TurnEnding? ending = null)
    {
        Settle();
        return new TurnTiming
        {
            Queue = Of(_phases, TurnPhase.Queue),
            Check = Of(_phases, TurnPhase.Check),
            Context = Of(_phases, TurnPhase.Context) + _opening,
            ModelWait = Of(_phases, TurnPhase.ModelWait),
            ModelStream = Of(_phases, TurnPhase.ModelStream),
            Persist = Of(_phases, TurnPhase.Persist),
            HiddenModelStream = Of(_hidden, TurnPhase.ModelStream),
            HiddenPersist = Of(_hidden, TurnPhase.Persist),
            ItemsHeld = _items.Held,
            ItemsNew = _items.New,
            ItemsRendered = _items.Rendered,
            Source = _source,
            Tools = _tools,
            Model = _model,
            Outcome = ending is null ? string.Empty : NameOf(ending.Outcome),
            Code = ending?.Code,
            InputTokens = ending?.Usage?.InputTokens ?? 0,
            CachedTokens = ending?.Usage?.CachedTokens ?? 0,
            OutputTokens = ending?.Usage?.OutputTokens ?? 0,
            ReasoningTokens = ending?.Usage?.ReasoningTokens ?? 0,
        };
    }

    private static string NameOf(TurnOutcome outcome) => outcome switch
    {
        TurnOutcome.Completed => "completed",
        TurnOutcome.Incomplete => "incomplete",
        TurnOutcome.Cancelled => "cancelled",
        _ => "failed",
    };

    private TimeSpan Of(PhaseSums sums, TurnPhase phase) => _time.GetElapsedTime(0, sums[(int)phase]);

    private void Settle()
    {
        var now = _time.GetTimestamp();
        _phases[(int)_phase] += now - _since;
        if (_behind != _phase)
        {
            _hidden[(int)_behind] += now - _since;
        }

        _since = now;
    }

    /// <summary>A duration for each phase, in ticks of the clock.</summary>
    [InlineArray(8)]
    private struct PhaseSums
    {
        private long _first;
    }
}

/// <summary>A call that a model made.</summary>
/// <param name="CallId">The call.</param>
/// <param name="Tool">The tool's name.</param>
/// <param name="Number">The number of its <c>output_item.done</c>.</param>
internal readonly record struct ShownCall(string CallId, string Tool, int Number)
{
    /// <summary>When readers could have that event, as a timestamp; null: they could not.</summary>
    public long? ShownAt { get; init; }
}
