using System.Text.Json;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Responses;

/// <summary>
/// The parts of one item as they stream. One is open at a time. Servers that leave out a part's beginning, its deltas
/// or its end are understood, and so are those that number parts otherwise than the API says: numbers are not looked
/// at.
/// </summary>
internal sealed class StreamedParts(OutputKind item)
{
    private readonly bool _isCall = item is OutputKind.FunctionCall or OutputKind.CustomToolCall;
    private PartKind _open;
    private bool _hasText;
    private byte[] _heldBack = [];
    private byte[] _logprobs = [];
    private int _contents;
    private int _summaries;

    /// <summary>More of a text.</summary>
    /// <exception cref="FormatException">It is no text, or not one that the item has.</exception>
    public void Add(PartKind kind, in EventSkim skim, List<ModelEvent> events)
    {
        var part = Fit(kind);
        if (!skim.HasDelta || part == default)
        {
            throw new FormatException("the model server sent a delta that is no text of its item");
        }

        Open(part, events);
        AddText(skim.Delta, skim.Logprobs, events);
    }

    /// <summary>
    /// Gives what an event about parts means. False if it is none, or one about a part that only its server knows.
    /// </summary>
    public bool TryGive(string type, JsonElement json, List<ModelEvent> events)
    {
        switch (type)
        {
            case "response.content_part.added" or "response.reasoning_summary_part.added":
            case "response.reasoning_part.added": // vLLM
                return TryBegin(ItemJson.Part(ItemJson.Member(json, "part")), events);
            case "response.content_part.done" or "response.reasoning_summary_part.done":
            case "response.reasoning_part.done":
                return TryEnd(ItemJson.Part(ItemJson.Member(json, "part")), events);
            default:
                return TryEndText(type, json, events);
        }
    }

    /// <summary>Closes what is open and gives what of the whole item did not stream.</summary>
    public void Finish(JsonElement whole, List<ModelEvent> events)
    {
        var (summaries, contents) = item switch
        {
            OutputKind.Message => ([], ItemJson.Parts(whole, "content")),
            OutputKind.Reasoning => (ItemJson.Parts(whole, "summary"), ItemJson.Parts(whole, "content")),
            OutputKind.FunctionCall => ([], [new(PartKind.Arguments, ItemJson.Inside(whole, "arguments"), default)]),
            OutputKind.CustomToolCall => ([], [new(PartKind.Input, ItemJson.Inside(whole, "input"), default)]),
            _ => (new List<ServerPart>(), new List<ServerPart>()),
        };
        var (list, count) = _open == PartKind.SummaryText ? (summaries, _summaries) : (contents, _contents);
        Close(count > 0 && count <= list.Count ? list[count - 1] : default, events);
        foreach (var part in summaries.Skip(_summaries).Concat(contents.Skip(_contents)))
        {
            if (Fit(part.Kind) != default)
            {
                Open(Fit(part.Kind), events);
                Close(part, events);
            }
        }
    }

    /// <summary>
    /// The item's own part for a text of this kind; 0 if it has none. Some servers call the text of reasoning
    /// <c>output_text</c>.
    /// </summary>
    private PartKind Fit(PartKind kind) => (item, kind) switch
    {
        (OutputKind.Message, PartKind.OutputText or PartKind.Refusal) => kind,
        (OutputKind.Reasoning, PartKind.SummaryText or PartKind.ReasoningText) => kind,
        (OutputKind.Reasoning, PartKind.OutputText) => PartKind.ReasoningText,
        (OutputKind.FunctionCall, PartKind.Arguments) => kind,
        (OutputKind.CustomToolCall, PartKind.Input) => kind,
        _ => default,
    };

    private bool TryBegin(in ServerPart part, List<ModelEvent> events)
    {
        var kind = Fit(part.Kind);
        Close(default, events);
        if (kind == default)
        {
            _contents += _isCall ? 0 : 1;
            return false;
        }

        Open(kind, events);
        return true;
    }

    private bool TryEnd(in ServerPart part, List<ModelEvent> events)
    {
        var kind = Fit(part.Kind);
        if (kind != default && kind == _open)
        {
            Close(part, events);
        }

        return kind != default;
    }

    private bool TryEndText(string type, JsonElement json, List<ModelEvent> events)
    {
        if (!TextEvents.IsDone(type, out var part, out var member) || Fit(part) == default)
        {
            return false;
        }

        // A call has no event that begins its part.
        var text = ItemJson.Inside(json, member);
        if (_isCall && _contents == 0 && !text.IsEmpty)
        {
            Open(Fit(part), events);
        }

        if (_open == Fit(part) && !_hasText)
        {
            AddText(text.Span, ItemJson.Logprobs(json).Span, events);
        }

        if (_isCall && _hasText)
        {
            Close(default, events);
        }

        return true;
    }

    private void Open(PartKind kind, List<ModelEvent> events)
    {
        if (_open == kind)
        {
            return;
        }

        Close(default, events);
        if (_isCall && _contents > 0)
        {
            throw new FormatException("the model server went on with a call that it had ended");
        }

        _open = kind;
        _summaries += kind == PartKind.SummaryText ? 1 : 0;
        _contents += kind == PartKind.SummaryText ? 0 : 1;
        events.Add(new ModelEvent(ModelEventKind.PartStarted) { Part = kind });
    }

    /// <summary>Closes the open part, if any; its text is the part's where none streamed.</summary>
    private void Close(in ServerPart part, List<ModelEvent> events)
    {
        if (_open == default)
        {
            return;
        }

        var isThis = Fit(part.Kind) == _open;
        if (isThis && !_hasText)
        {
            AddText(part.Text.Span, part.Logprobs.Span, events);
        }

        if (_heldBack.Length > 0)
        {
            AddDelta(_heldBack, events);
        }

        (_open, _hasText, _heldBack, _logprobs) = (default, false, [], []);
        events.Add(new ModelEvent(ModelEventKind.PartDone) { Json = isThis ? part.Json : default });
    }

    /// <summary>Gives a text, save half a character at its end, which waits for the other half.</summary>
    private void AddText(ReadOnlySpan<byte> text, ReadOnlySpan<byte> logprobs, List<ModelEvent> events)
    {
        if (!logprobs.IsEmpty)
        {
            _logprobs = _logprobs.Length == 0 ? logprobs.ToArray()
                : [.. _logprobs.AsSpan(0, _logprobs.Length - 1), (byte)',', .. logprobs[1..]];
        }

        if (text.IsEmpty)
        {
            return;
        }

        _hasText = true;
        var whole = text.Length - HalfCharacterLength(text);
        if (whole > 0)
        {
            AddDelta([.. _heldBack, .. text[..whole]], events);
            _heldBack = [];
        }

        // Two first halves in a row belong to nothing; they stay together.
        _heldBack = whole == text.Length ? [] : [.. _heldBack, .. text[whole..]];
    }

    private void AddDelta(byte[] text, List<ModelEvent> events)
    {
        events.Add(new ModelEvent(ModelEventKind.Delta)
        {
            Text = text, Logprobs = _open == PartKind.OutputText ? _logprobs : default,
        });
        _logprobs = [];
    }

    /// <summary>
    /// Length of the escape at the end that is the first of a surrogate pair; 0 if there is none. Servers that count in
    /// UTF-16 can cut there; a character in UTF-8 cannot be cut, since each event is valid by itself.
    /// </summary>
    private static int HalfCharacterLength(ReadOnlySpan<byte> text)
    {
        const int length = 6;
        if (text.Length < length)
        {
            return 0;
        }

        var end = text[^length..];
        var isHalf = end[0] == '\\' && end[1] == 'u' && (end[2] | 0x20) == 'd' && "89abAB"u8.Contains(end[3]);
        var backslashes = text.Length - length - (text[..^length].LastIndexOfAnyExcept((byte)'\\') + 1);
        return isHalf && backslashes % 2 == 0 ? length : 0;
    }
}
