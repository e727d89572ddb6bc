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

    /// <summary>Whether nothing more of it can come, now that another output follows.</summary>
    public abstract bool IsWhole { get; }

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
    private PartKind _part;

    public OutputKind Kind { get; } = kind;

    public override bool IsWhole => true;

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

    public void Add(PartKind part, ReadOnlySpan<byte> text, List<ModelEvent> events)
    {
        if (!IsStarted && IsBlank(text))
        {
            _blank.Write(text);
            return;
        }

        Begin(part, events);
        AddDelta(_text.Next(text), events);
    }

    public override void End(List<ModelEvent> events)
    {
        if (IsStarted)
        {
            AddDelta(_text.End(), events);
            AddEnd(events);
        }
    }

    public override void Cut(List<ModelEvent> events)
    {
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
