using System.Buffers;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Chat;

/// <summary>One output item of an answer, while it streams.</summary>
internal abstract class AnswerOutput
{
    /// <summary>Its events while another item is open.</summary>
    public List<ModelEvent> Held { get; } = [];

    /// <summary>Whether it has become an item.</summary>
    public bool IsStarted { get; protected set; }

    /// <summary>What its server wants back with the item; see <see cref="ModelEvent.ServerData"/>.</summary>
    public ReadOnlyMemory<byte> ServerData { get; protected set; }

    /// <summary>Whether it is an answer, and not what was thought before it.</summary>
    public abstract bool IsAnswer { get; }

    /// <summary>Whether nothing more of it can come, now that another output follows.</summary>
    public abstract bool IsWhole { get; }

    /// <summary>Whether something of it is missing for certain.</summary>
    public abstract bool IsCut { get; }

    /// <summary>Ends it: all of it is there.</summary>
    /// <exception cref="FormatException">It is not.</exception>
    public abstract void End(List<ModelEvent> events);

    /// <summary>The answer was cut within it: it stays open where it is not whole.</summary>
    public abstract void Cut(List<ModelEvent> events);

    protected static void AddDelta(ReadOnlySpan<byte> text, List<ModelEvent> events)
    {
        if (!text.IsEmpty)
        {
            events.Add(new ModelEvent(ModelEventKind.Delta) { Text = text.ToArray() });
        }
    }

    protected static void AddEnd(List<ModelEvent> events)
    {
        events.Add(new ModelEvent(ModelEventKind.PartDone));
        events.Add(new ModelEvent(ModelEventKind.ItemDone));
    }
}

/// <summary>A message, reasoning or a summary. It becomes an item with its first character that is no space.</summary>
/// <param name="kind">Which of them.</param>
internal sealed class TextOutput(OutputKind kind) : AnswerOutput
{
    private readonly StreamedText _text = new();
    private readonly ArrayBufferWriter<byte> _blank = new();
    private ArrayBufferWriter<byte>? _logprobs;
    private PartKind _part;

    public OutputKind Kind { get; } = kind;

    public override bool IsAnswer => IsStarted && Kind != OutputKind.Reasoning;

    public override bool IsWhole => true;

    public override bool IsCut => false;

    /// <summary>Whether text is nothing but spaces and line breaks.</summary>
    public static bool IsBlank(ReadOnlySpan<byte> text)
    {
        while (!text.IsEmpty)
        {
            var length = text[0] == ' ' ? 1 : text.Length > 1 && text[0] == '\\' && "nrt"u8.Contains(text[1]) ? 2 : 0;
            if (length == 0)
            {
                return false;
            }

            text = text[length..];
        }

        return true;
    }

    /// <summary>Adds text, and log probabilities, which go with the next delta of it.</summary>
    public void Add(PartKind part, ReadOnlySpan<byte> text, ReadOnlySpan<byte> logprobs, List<ModelEvent> events)
    {
        if (!logprobs.IsEmpty)
        {
            // One array, which ends where the text comes.
            _logprobs ??= new ArrayBufferWriter<byte>();
            _logprobs.Write(_logprobs.WrittenCount == 0 ? "["u8 : ","u8);
            _logprobs.Write(logprobs[1..^1]);
        }

        if (text.IsEmpty)
        {
            return;
        }

        if (!IsStarted && IsBlank(text))
        {
            _blank.Write(text);
            return;
        }

        Begin(part, events);
        AddText(_text.Next(text), events);
    }

    public override void End(List<ModelEvent> events)
    {
        if (IsStarted)
        {
            AddText(_text.End(), events);
            AddEnd(events);
        }
    }

    public override void Cut(List<ModelEvent> events)
    {
    }

    private void AddText(ReadOnlySpan<byte> text, List<ModelEvent> events)
    {
        AddDelta(text, events);
        if (!text.IsEmpty && _logprobs is { WrittenCount: > 0 } && _part == PartKind.OutputText)
        {
            _logprobs.Write("]"u8);
            events[^1] = events[^1] with { Logprobs = _logprobs.WrittenSpan.ToArray() };
            _logprobs.ResetWrittenCount();
        }
    }

    private void Begin(PartKind part, List<ModelEvent> events)
    {
        if (IsStarted && part == _part)
        {
            return;
        }

        if (IsStarted)
        {
            AddDelta(_text.End(), events);
            events.Add(new ModelEvent(ModelEventKind.PartDone));
        }
        else
        {
            events.Add(new ModelEvent(ModelEventKind.ItemStarted) { Item = Kind });
        }

        (IsStarted, _part) = (true, part);
        events.Add(new ModelEvent(ModelEventKind.PartStarted) { Part = part });
        AddDelta(_blank.WrittenSpan, events);
        _blank.ResetWrittenCount();
    }
}
