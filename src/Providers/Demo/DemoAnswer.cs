using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Demo;

/// <summary>An event, and how long to wait before it.</summary>
internal readonly record struct TimedEvent(TimeSpan Wait, ModelEvent Event);

/// <summary>What the demo model answers to one call. For one enumeration.</summary>
internal sealed class DemoAnswer
{
    private static readonly ReadOnlyMemory<byte> Dot = "."u8.ToArray();

    private readonly ModelCall _call;
    private readonly DemoState _state;
    private readonly int _position;
    private Toolset? _tools;
    private TimeSpan _wait;
    private int _callsMade;
    private long _outputTokens;
    private long _reasoningTokens;

    public DemoAnswer(ModelCall call)
    {
        _call = call;
        _state = call.Context.State as DemoState ?? DemoState.Start;
        _position = Math.Max(call.Context.ItemCount, _state.LastPosition + 1);
    }

    /// <summary>All events, the terminal one last.</summary>
    public IEnumerable<TimedEvent> Events()
    {
        var end = new ModelEvent(ModelEventKind.Completed);
        UsageFigures? figures = null;
        if (_state.Script is { Fault: null } script && _state.Ask == CompactionAsk.None &&
            _state.Next.Step < script.Steps.Count)
        {
            var step = script.Steps[_state.Next.Step];
            figures = step.Usage;
            foreach (var act in step.ActsAfter(_state.Next.Answers))
            {
                foreach (var timed in Play(act))
                {
                    yield return timed;
                }

                end = EndOf(act);
            }
        }
        else
        {
            foreach (var timed in Item(Unscripted(), TimeSpan.Zero))
            {
                yield return timed;
            }
        }

        var estimate = new Usage(_call.Context.Tokens, _call.TokensBefore, _outputTokens, _reasoningTokens);
        yield return Timed(end with { Usage = figures?.Over(estimate) ?? estimate });
    }

    private static ModelEvent EndOf(Act act) => act.Kind switch
    {
        ActKind.Fail => new ModelEvent(ModelEventKind.Failed)
        {
            Code = act.Name, Message = "The script asked for this failure.",
        },
        ActKind.Stop => new ModelEvent(ModelEventKind.Incomplete) { Code = act.Name },
        _ => new ModelEvent(ModelEventKind.Completed),
    };

    private IEnumerable<TimedEvent> Play(Act act)
    {
        _wait += act.Delay;
        return act.Kind switch
        {
            // As many deltas as events are asked for: so the message is never whole.
            ActKind.Fail => Item(Message(Enumerable.Repeat(Dot, act.Count)), act.Chunk).Take(act.Count),
            ActKind.Bytes => Item(Message(Pieces.OfBytes(act.Count)), act.Chunk),
            ActKind.Think => Item(Thought(act), act.Chunk),
            ActKind.Shell => Item(Shell(act), act.Chunk),
            ActKind.Call or ActKind.Custom => Item(Tools.IsEmpty ? Ok() : Call(Named(act)), act.Chunk),
            _ => Item(Message(Pieces.Of(act.Text)), act.Chunk),
        };
    }

    private IEnumerable<TimedEvent> Item(Output output, TimeSpan chunk)
    {
        yield return Timed(new ModelEvent(ModelEventKind.ItemStarted)
        {
            Item = output.Kind, Name = output.Name, Namespace = output.Namespace, CallId = output.CallId,
            IsAsync = output.IsAsync,
        });
        yield return Timed(new ModelEvent(ModelEventKind.PartStarted) { Part = output.Part });
        var bytes = 0L;
        foreach (var piece in output.Pieces)
        {
            _wait += bytes > 0 ? chunk : TimeSpan.Zero;
            bytes += piece.Length;
            yield return Timed(new ModelEvent(ModelEventKind.Delta) { Text = piece });
        }

        yield return Timed(new ModelEvent(ModelEventKind.PartDone));
        yield return Timed(new ModelEvent(ModelEventKind.ItemDone));
        _outputTokens += Estimate.Tokens(bytes);
        _reasoningTokens += output.Kind == OutputKind.Reasoning ? Estimate.Tokens(bytes) : 0;
    }

    private TimedEvent Timed(ModelEvent modelEvent)
    {
        var wait = _wait;
        _wait = TimeSpan.Zero;
        return new TimedEvent(wait, modelEvent);
    }

    private Output Unscripted() => _state switch
    {
        // One delta: a compaction's content is never streamed.
        { Ask: CompactionAsk.Item } => new Output(OutputKind.Compaction, PartKind.Opaque, [Summary()]),
        { Ask: CompactionAsk.Message } => Message(Pieces.Of(Summary())),
        { Script.Fault: { } fault } => Say($"The script cannot be played: {fault}"),
        { Script: not null } => Say("script finished"),
        _ => Say($"Evergrain demo: {_call.Context.ItemCount} items held, {_call.NewItems} processed for this turn."),
    };

    private ReadOnlyMemory<byte> Summary() => DemoJson.Escape(
        $"Summary by the Evergrain demo model of {_call.Context.ItemCount} items.\n" +
        $"{ItemText.ProgressMark} {_state.Next.Step}");

    private Toolset Tools => _tools ??= OfferedTools();

    private Toolset OfferedTools()
    {
        if (_call.Parameters.TryGet("tool_choice", out var choice) && choice.Span.SequenceEqual("\"none\""u8))
        {
            return Toolset.Empty;
        }

        return _call.Parameters.TryGet("tools", out var tools)
            ? _state.Tools.With(Toolset.ReadHeld(tools))
            : _state.Tools;
    }

    private Output Shell(Act act) =>
        ToolCall.OfShell(act.Text.Span, Tools) is { } call ? Call(call) : Ok();

    private ToolCall Named(Act act)
    {
        var offered = Tools.TryFind(act.Name!, out var tool) ? tool.Namespace : null;
        return new ToolCall(act.Kind == ActKind.Custom, act.Name!, act.Namespace ?? offered, act.Text);
    }

    private Output Call(ToolCall call) => new(
        call.IsCustom ? OutputKind.CustomToolCall : OutputKind.FunctionCall,
        call.IsCustom ? PartKind.Input : PartKind.Arguments,
        Pieces.Of(call.Text))
    {
        Name = call.Name,
        Namespace = call.Namespace,
        CallId = DemoState.CallId(_position, _callsMade++),
        IsAsync = Tools.TryFind(call.Name, out var tool) && tool.IsAsync,
    };

    private static Output Thought(Act act) =>
        new(OutputKind.Reasoning, PartKind.SummaryText, Pieces.Of(act.Text));

    private static Output Ok() => Say("ok");

    private static Output Say(string text) => Message(Pieces.Of(DemoJson.Escape(text)));

    private static Output Message(IEnumerable<ReadOnlyMemory<byte>> pieces) =>
        new(OutputKind.Message, PartKind.OutputText, pieces);

    /// <summary>One output item; all are of one part.</summary>
    private readonly record struct Output(
        OutputKind Kind, PartKind Part, IEnumerable<ReadOnlyMemory<byte>> Pieces)
    {
        public string? Name { get; init; }

        public string? Namespace { get; init; }

        public string? CallId { get; init; }

        public bool IsAsync { get; init; }
    }
}
