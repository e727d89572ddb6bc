using Evergrain.Conversations;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Chat;

/// <summary>
/// Puts one answer's items in order. A server may go on with several calls at the same time, but one item is open at a
/// time here: the first output streams, those behind it wait until it is whole.
/// </summary>
/// <param name="tools">The tools that calls may mean.</param>
/// <param name="ids">The ids of calls.</param>
/// <param name="isSummary">Whether the answer is a compaction item: all but its text is dropped.</param>
internal sealed class AnswerItems(CallTools tools, CallIds ids, bool isSummary)
{
    // Far more than the calls that any model makes at once; what each holds is bounded together, in bytes.
    private const int OutputsMax = 1024;

    // What a held event takes beside its text: an answer in very small pieces is bounded by it.
    private const int HeldEventBytes = 128;

    // The first one streams; those that ended are gone.
    private readonly List<AnswerOutput> _outputs = [];
    private readonly List<CallOutput> _calls = [];
    private int _count;
    private long _bytes;
    private bool _hasItems;

    /// <summary>Adds text, the inside of a JSON string.</summary>
    /// <exception cref="FormatException">The answer is too large.</exception>
    public void Text(PartKind part, ReadOnlySpan<byte> text, List<ModelEvent> events)
    {
        if (text.IsEmpty || (isSummary && part != PartKind.OutputText))
        {
            return;
        }

        var kind = part == PartKind.ReasoningText ? OutputKind.Reasoning :
            isSummary ? OutputKind.Compaction : OutputKind.Message;
        if (_outputs is not [.., TextOutput output] || output.Kind != kind)
        {
            if (kind == OutputKind.Reasoning && TextOutput.IsBlank(text))
            {
                // Thoughts of nothing but line breaks, of models that were told not to think.
                return;
            }

            output = new TextOutput(kind);
            Begin(output);
        }

        CountBytes(text.Length);
        output.Add(isSummary ? PartKind.Opaque : part, text, SinkOf(output, events));
        Advance(events);
    }

    /// <summary>Adds a piece of a call.</summary>
    /// <exception cref="FormatException">It fits to no call, or the answer is too large.</exception>
    public void Call(in CallPiece piece, List<ModelEvent> events)
    {
        if (isSummary)
        {
            return;
        }

        CountBytes(piece.Arguments.Length);
        var call = Find(piece);
        if (call is null)
        {
            call = new CallOutput(piece.Index, tools, ids);
            _calls.Add(call);
            Begin(call);
        }

        call.Add(piece, SinkOf(call, events));
        Advance(events);
    }

    /// <summary>The answer is over.</summary>
    /// <param name="isCut">Whether it was cut: the last item stays open if it is not whole.</param>
    /// <param name="events">Takes what is due.</param>
    /// <exception cref="FormatException">Something is missing.</exception>
    public void End(bool isCut, List<ModelEvent> events)
    {
        for (var i = 0; i < _outputs.Count; i++)
        {
            events.AddRange(_outputs[i].Held);
            if (isCut && i == _outputs.Count - 1)
            {
                _outputs[i].Cut(events);
            }
            else
            {
                _outputs[i].End(events);
            }

            _hasItems |= _outputs[i].IsStarted;
        }

        if (_hasItems || isCut)
        {
            return;
        }

        if (isSummary)
        {
            throw new FormatException("The model wrote no summary.");
        }

        AddEmptyMessage(events);
    }

    // A completed answer without any item: clients expect one, and so do templates in which speakers alternate.
    private static void AddEmptyMessage(List<ModelEvent> events)
    {
        events.Add(new ModelEvent(ModelEventKind.ItemStarted) { Item = OutputKind.Message });
        events.Add(new ModelEvent(ModelEventKind.PartStarted) { Part = PartKind.OutputText });
        events.Add(new ModelEvent(ModelEventKind.PartDone));
        events.Add(new ModelEvent(ModelEventKind.ItemDone));
    }

    /// <summary>The call that a piece goes on with: the last one of its number, or the last one.</summary>
    private CallOutput? Find(in CallPiece piece)
    {
        for (var i = _calls.Count - 1; i >= 0; i--)
        {
            if (piece.Index is null || _calls[i].Index == piece.Index)
            {
                return _calls[i].IsOther(piece) ? null : _calls[i];
            }
        }

        return null;
    }

    private void Begin(AnswerOutput output)
    {
        if (++_count > OutputsMax)
        {
            throw new FormatException($"The model's answer has more than {OutputsMax} items.");
        }

        _outputs.Add(output);
    }

    private List<ModelEvent> SinkOf(AnswerOutput output, List<ModelEvent> events)
    {
        if (output == _outputs[0])
        {
            return events;
        }

        CountBytes(HeldEventBytes);
        return output.Held;
    }

    /// <summary>Ends the first output while it is whole and another one waits.</summary>
    private void Advance(List<ModelEvent> events)
    {
        while (_outputs.Count > 1 && _outputs[0].IsWhole)
        {
            _outputs[0].End(events);
            _hasItems |= _outputs[0].IsStarted;
            _outputs.RemoveAt(0);
            events.AddRange(_outputs[0].Held);
            _outputs[0].Held.Clear();
        }
    }

    private void CountBytes(int bytes)
    {
        _bytes += bytes;
        if (_bytes > Limits.OutputBytesMax)
        {
            throw new FormatException($"The model's answer is larger than {Limits.OutputBytesMax} bytes.");
        }
    }
}
