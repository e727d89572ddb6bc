using System.Text;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Tests.Simulation;

/// <summary>One model call: messages and calls in pieces, at its own pace, to a good end or a bad one.</summary>
internal sealed class SimulatedCall(
    SimulatedHost host, SimulatedActivation activation, TurnId turn, bool answersTwins)
{
    /// <summary>The tool that some creates declare as async.</summary>
    public const string Slow = "slow";

    private static readonly byte[][] Words = [.. new[] { "a", "be ", "see\\n", "d\\u00e9", "\\\"e\\\"", "effort " }
        .Select(Encoding.UTF8.GetBytes)];

    private static readonly byte[] Marker = Encoding.UTF8.GetBytes(Witness.UnstoredMarker);
    private readonly Agenda _agenda = host.World.Agenda;
    private readonly Queue<ModelEvent> _script = new();
    private int _afterCancel = -1;
    private bool _isOver;

    public TurnId Turn => turn;

    public void Start()
    {
        Write();
        _agenda.In(Pause(), host, Next);
    }

    /// <summary>Ends it: at once, or after it said a little more.</summary>
    public void Cancel()
    {
        if (_afterCancel >= 0)
        {
            return;
        }

        _afterCancel = _agenda.Chance(40) ? 1 + _agenda.Below(3) : 0;
        if (_afterCancel > 0 && _script.Count > 0)
        {
            host.World.Journal.Count(Fault.ModelGoesOn);
        }
    }

    private void Next()
    {
        if (_isOver)
        {
            return;
        }

        for (var left = 1 + _agenda.Below(4); left > 0 && _script.Count > 0 && _afterCancel != 0; left--)
        {
            var model = _script.Dequeue();
            activation.Inner.ModelSaid(turn, [model]);
            _afterCancel -= _afterCancel > 0 ? 1 : 0;
        }

        if (_script.Count > 0 && _afterCancel != 0)
        {
            _agenda.In(Pause(), host, Next);
            return;
        }

        _isOver = true;
        activation.CallEnded(this, turn);
    }

    private long Pause()
    {
        if (!_agenda.Chance(2))
        {
            return _agenda.Between(1, 30);
        }

        host.World.Journal.Count(Fault.ModelStalls);
        return _agenda.Between(200, 20_000);
    }

    private void Write()
    {
        if (answersTwins)
        {
            activation.Expect(1);
            WriteMessage(_agenda.Chance(50) ? TwinAnswers.First : TwinAnswers.Second);
            _script.Enqueue(new ModelEvent(ModelEventKind.Completed) { Usage = new Usage(1, 0, 1, 0) });
            return;
        }

        for (var items = _agenda.Below(3); items > 0; items--)
        {
            WriteItem(_agenda.Below(5));
            activation.Expect(1);
        }

        if (_agenda.Chance(15))
        {
            host.World.Journal.Count(Fault.ModelFails);
            activation.Expect(1);
            WriteItem(_agenda.Below(5), isWhole: false);
            WriteBadEnd();
            return;
        }

        _script.Enqueue(new ModelEvent(ModelEventKind.Completed) { Usage = new Usage(_agenda.Below(99), 0, 1, 0) });
    }

    private void WriteBadEnd()
    {
        switch (_agenda.Below(4))
        {
            case 0:
                _script.Enqueue(new ModelEvent(ModelEventKind.Incomplete) { Code = "max_output_tokens" });
                break;
            case 1:
                _script.Enqueue(new ModelEvent(ModelEventKind.Failed) { Code = "server_error", Message = "no" });
                break;
            case 2:
                // Out of order: what is open has not ended.
                _script.Enqueue(new ModelEvent(ModelEventKind.ItemStarted) { Item = OutputKind.Message });
                break;
        }
    }

    private void WriteMessage(byte[] text)
    {
        _script.Enqueue(new ModelEvent(ModelEventKind.ItemStarted) { Item = OutputKind.Message });
        _script.Enqueue(new ModelEvent(ModelEventKind.PartStarted) { Part = PartKind.OutputText });
        _script.Enqueue(new ModelEvent(ModelEventKind.Delta) { Text = text });
        _script.Enqueue(new ModelEvent(ModelEventKind.PartDone));
        _script.Enqueue(new ModelEvent(ModelEventKind.ItemDone));
    }

    private void WriteItem(int kind, bool isWhole = true)
    {
        var (item, part) = kind switch
        {
            0 => (OutputKind.Reasoning, PartKind.SummaryText),
            1 or 2 => (OutputKind.FunctionCall, PartKind.Arguments),
            _ => (OutputKind.Message, PartKind.OutputText),
        };
        var isCall = item == OutputKind.FunctionCall;
        _script.Enqueue(new ModelEvent(ModelEventKind.ItemStarted)
        {
            Item = item,
            Name = !isCall ? null : _agenda.Chance(50) ? Slow : "tool",
            IsAsync = isCall && _agenda.Chance(15),
            CallId = isCall ? $"call_{_agenda.Next64():x}" : null,
        });
        _script.Enqueue(new ModelEvent(ModelEventKind.PartStarted) { Part = part });
        for (var deltas = _agenda.Below(4); deltas > 0; deltas--)
        {
            var text = turn.IsStored ? Words[_agenda.Below(Words.Length)] : Marker;
            _script.Enqueue(new ModelEvent(ModelEventKind.Delta) { Text = text });
        }

        if (isWhole)
        {
            _script.Enqueue(new ModelEvent(ModelEventKind.PartDone));
            _script.Enqueue(new ModelEvent(ModelEventKind.ItemDone));
        }
    }
}
