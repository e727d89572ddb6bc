using System.Globalization;
using System.Text.Json;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Records;

namespace Evergrain.Providers.Demo;

/// <summary>Whether the last item asks for a summary, and of which kind.</summary>
internal enum CompactionAsk : byte
{
    None,

    /// <summary>A <c>compaction_trigger</c>: the answer is a compaction item.</summary>
    Item,

    /// <summary>A user message: the answer is a message.</summary>
    Message,
}

/// <summary>
/// Where a branch stands in its script behind one item. Immutable; items that change nothing share one.
/// </summary>
/// <remarks>
/// <para>How a step is recognised as answered, from the items alone, so that a client's full resend counts the same as
/// turn after turn: a message or a call of the assistant is one answer, reasoning is none, and a step is answered when
/// it has as many answers as it has acts (several in a <c>parallel</c>).</para>
/// <para>A step that was cut after some of its answers is left, and counts as answered, when an input item follows;
/// with nothing following, the next call plays the rest of it. Calls whose outputs are mixed in between them (call,
/// output, call, output) still are one step: their ids name one position.</para>
/// </remarks>
internal sealed record DemoState
{
    private const int NoPosition = -1;

    /// <summary>At the root.</summary>
    public static readonly DemoState Start = new();

    private DemoState()
    {
    }

    /// <summary>The last user message's script that had one.</summary>
    public Script? Script { get; private init; }

    /// <summary>Tools that <c>additional_tools</c> items offer.</summary>
    public Toolset Tools { get; private init; } = Toolset.Empty;

    /// <summary>Whether the last item asks for a summary.</summary>
    public CompactionAsk Ask { get; private init; }

    /// <summary>The step that the next call plays, and how many of its answers are there already.</summary>
    public (int Step, int Answers) Next => IsLeft ? (Answered + 1, 0) : (Answered, Answers);

    /// <summary>
    /// The highest position in the ids of calls so far. The next call's exceeds it: so ids never repeat in a branch,
    /// not even where a client sent it again with fewer items.
    /// </summary>
    public int LastPosition { get; private init; } = NoPosition;

    /// <summary>Steps answered behind the script, or behind the last <c>@@progress N</c> and N.</summary>
    private int Answered { get; init; }

    /// <summary>Answers of the step behind those; less than it has.</summary>
    private int Answers { get; init; }

    /// <summary>Whether an input item came before that step was whole.</summary>
    private bool IsLeft { get; init; }

    /// <summary>The id of the <paramref name="index"/>th call made at a position.</summary>
    public static string CallId(int position, int index) =>
        string.Create(CultureInfo.InvariantCulture, $"call_{position}_{index}");

    /// <summary>The state behind one more item.</summary>
    public DemoState After(Item item)
    {
        var state = Ask == CompactionAsk.None ? this : this with { Ask = CompactionAsk.None };
        return item.Type switch
        {
            "message" when item.Role == ItemRole.User => state.Left().AfterUserMessage(item.Json),
            "message" when item.Role == ItemRole.Assistant => state.AfterAnswer(item.Json),
            "function_call" or "custom_tool_call" => state.AfterCall(item.Json),
            "reasoning" => state,
            "compaction" => state.Progressed(item.Json) ?? state,
            "compaction_trigger" => state.Left() with { Ask = CompactionAsk.Item },
            "additional_tools" => state.Left().Offered(item.Json),
            _ => state.Left(),
        };
    }

    /// <summary>Writes what one item made of the state before it.</summary>
    public void WriteStep(DemoState before, PayloadWriter output)
    {
        var isPlain = ReferenceEquals(Script, before.Script) && ReferenceEquals(Tools, before.Tools);
        output.Flag(isPlain);
        if (isPlain)
        {
            output.Number((int)Ask);
            output.Number(Answered);
            output.Number(Answers);
            output.Flag(IsLeft);
            output.Number(LastPosition - NoPosition);
        }
    }

    /// <summary>The state behind an item, as <see cref="WriteStep"/> wrote it.</summary>
    public DemoState ReadStep(Item item, ref PayloadReader input) => !input.Flag() ? After(item) : this with
    {
        Ask = (CompactionAsk)input.Int(),
        Answered = input.Int(),
        Answers = input.Int(),
        IsLeft = input.Flag(),
        LastPosition = input.Int() + NoPosition,
    };

    private DemoState Left() => Answers > 0 && !IsLeft ? this with { IsLeft = true } : this;

    private DemoState AfterUserMessage(ReadOnlyMemory<byte> json)
    {
        if (!ItemText.MayDirect(json.Span))
        {
            return this;
        }

        var state = this;
        var lines = ItemText.Lines(json, out var unreadable);
        foreach (var line in lines)
        {
            state = state.Obey(line);
        }

        return unreadable && json.Span.IndexOf("@@script"u8) >= 0
            ? state.Began(Script.Malformed("the message that holds it has an unpaired surrogate"))
            : state;
    }

    private DemoState Obey(string line)
    {
        if (line.StartsWith(ItemText.Script64Mark, StringComparison.Ordinal))
        {
            return Began(ScriptParser.ParseBase64(line[ItemText.Script64Mark.Length..].Trim()));
        }

        if (line.StartsWith(ItemText.ScriptMark, StringComparison.Ordinal))
        {
            return Began(ScriptParser.Parse(line[ItemText.ScriptMark.Length..]));
        }

        if (ItemText.TryProgress(line, out var steps))
        {
            return At(steps);
        }

        return line.Contains(ItemText.CompactionAsk, StringComparison.Ordinal)
            ? this with { Ask = CompactionAsk.Message }
            : this;
    }

    private DemoState Began(Script script) => At(0) with { Script = script };

    private DemoState At(int step) => this with { Answered = step, Answers = 0, IsLeft = false };

    private DemoState AfterAnswer(ReadOnlyMemory<byte> json) => Progressed(json) ?? Counted(NoPosition);

    private DemoState AfterCall(ReadOnlyMemory<byte> json)
    {
        var position = PositionOf(json);
        var state = Counted(position);
        return position > state.LastPosition ? state with { LastPosition = position } : state;
    }

    /// <summary>The state that a summary's last progress line sets; null if it has none.</summary>
    private DemoState? Progressed(ReadOnlyMemory<byte> json)
    {
        DemoState? state = null;
        if (ItemText.MayDirect(json.Span))
        {
            foreach (var line in ItemText.Lines(json, out _))
            {
                state = ItemText.TryProgress(line, out var steps) ? At(steps) : state;
            }
        }

        return state;
    }

    private DemoState Counted(int position)
    {
        if (Script is null)
        {
            return this;
        }

        var belongs = !IsLeft || (position != NoPosition && position == LastPosition);
        var step = belongs ? Answered : Answered + 1;
        var answers = belongs ? Answers + 1 : 1;
        return answers >= Script.AnswersOf(step)
            ? At(step + 1)
            : this with { Answered = step, Answers = answers, IsLeft = belongs && IsLeft };
    }

    private DemoState Offered(ReadOnlyMemory<byte> json)
    {
        using var document = JsonDocument.Parse(json);
        return DemoJson.TryMember(document.RootElement, "tools", out var tools)
            ? this with { Tools = Tools.With(Toolset.Read(tools)) }
            : this;
    }

    /// <summary>The position in an id that <see cref="CallId"/> made; none in any other.</summary>
    private static int PositionOf(ReadOnlyMemory<byte> json)
    {
        using var document = JsonDocument.Parse(json);
        if (!DemoJson.TryMember(document.RootElement, "call_id", out var element) ||
            DemoJson.Text(element) is not { } id || !id.StartsWith("call_", StringComparison.Ordinal))
        {
            return NoPosition;
        }

        var rest = id.AsSpan("call_".Length);
        var end = rest.IndexOf('_');
        return end > 0 &&
            int.TryParse(rest[..end], NumberStyles.None, CultureInfo.InvariantCulture, out var position) &&
            position < int.MaxValue
                ? position
                : NoPosition;
    }
}
