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
    private bool _hasAnswers;

    /// <summary>What the server says beside the items and wants back.</summary>
    public ServerMembers ServerMembers { get; } = new();

    /// <summary>Whether nothing has come.</summary>
    public bool IsEmpty => _count == 0;

    /// <summary>Whether anything has come that is an answer: a text or a call, and not thoughts alone.</summary>
    public bool HasOutput => _hasAnswers || _outputs.Exists(static output => output.IsAnswer);

    /// <summary>Adds text, the inside of a JSON string.</summary>
    /// <param name="part">Which text.</param>
    /// <param name="text">The text.</param>
    /// <param name="events">Takes the events.</param>
    /// <param name="logprobs">Its log probabilities; see <see cref="ModelEvent.Logprobs"/>.</param>
    /// <exception cref="FormatException">The answer is too large.</exception>
    public void Text(
        PartKind part, ReadOnlySpan<byte> text, List<ModelEvent> events, ReadOnlySpan<byte> logprobs = default)
    {
        logprobs = isSummary ? default : logprobs;
        if ((text.IsEmpty && logprobs.IsEmpty) || (isSummary && part != PartKind.OutputText))
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

        CountBytes(text.Length + logprobs.Length);
        output.Add(isSummary ? PartKind.Opaque : part, text, logprobs, SinkOf(output, events));
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

        CountBytes(piece.Arguments.Length + piece.ServerData.Length);
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
    /// <returns>
    /// False where an item is not whole: it stays open, and what came behind it is dropped, since items come in order.
    /// </returns>
    /// <exception cref="FormatException">Something is missing.</exception>
    public bool End(bool isCut, List<ModelEvent> events)
    {
        for (var i = 0; i < _outputs.Count; i++)
        {
            events.AddRange(_outputs[i].Held);
            if (_outputs[i].IsCut || (isCut && i == _outputs.Count - 1))
            {
                _outputs[i].Cut(events);
                AddServerData(_outputs[i], events);
                return false;
            }

            EndOutput(_outputs[i], events);
        }

        if (!isCut && _calls.Count == 0 && tools.Forced is { } forced)
        {
            throw new FormatException($"The model made no call, and 'tool_choice' demands '{forced.FlatName}'.");
        }

        if (_hasItems || isCut)
        {
            return !isCut;
        }

        if (isSummary)
        {
            throw new FormatException("The model wrote no summary.");
        }

        AddEmptyMessage(events);
        return true;
    }

    // A completed answer without any item: clients expect one, and so do templates in which speakers alternate.
    private static void AddEmptyMessage(List<ModelEvent> events)
    {
        events.Add(new ModelEvent(ModelEventKind.ItemStarted) { Item = OutputKind.Message });
        events.Add(new ModelEvent(ModelEventKind.PartStarted) { Part = PartKind.OutputText });
        events.Add(new ModelEvent(ModelEventKind.PartDone));
        events.Add(new ModelEvent(ModelEventKind.ItemDone));
    }

    /// <summary>The call that a piece goes on with: that of its id, the last of its number, or the last.</summary>
    private CallOutput? Find(in CallPiece piece)
    {
        for (var i = _calls.Count - 1; i >= 0; i--)
        {
            if (_calls[i].IsCalled(piece))
            {
                return _calls[i];
            }
        }

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
            EndOutput(_outputs[0], events);
            _outputs.RemoveAt(0);
            events.AddRange(_outputs[0].Held);
            _outputs[0].Held.Clear();
        }
    }

    private void EndOutput(AnswerOutput output, List<ModelEvent> events)
    {
        output.End(events);
        _hasItems |= output.IsStarted;
        _hasAnswers |= output.IsAnswer;
        AddServerData(output, events);
    }

    private void AddServerData(AnswerOutput output, List<ModelEvent> events)
    {
        if (output.IsStarted && events is [.., { Kind: ModelEventKind.ItemDone }] &&
            ServerMembers.Take(output.ServerData) is { IsEmpty: false } members)
        {
            events[^1] = events[^1] with { ServerData = members };
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
