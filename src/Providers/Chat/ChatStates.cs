using System.Collections.Immutable;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;

namespace Evergrain.Providers.Chat;

/// <summary>
/// How the states of chat completions move: what one item changed. Texts that are slices of the item are so again.
/// </summary>
internal sealed class ChatStates : IStateCodec
{
    [Flags]
    private enum Marks
    {
        None = 0,
        HasLead = 1,
        HasCalls = 2,
        AsksForSummary = 4,
        IsCounted = 8,
        HasTools = 16,
        HasOmitted = 32,
    }

    /// <inheritdoc/>
    public void Write(Item item, object? before, object after, PayloadWriter output)
    {
        var (old, state) = (before as ChatState ?? ChatState.Start, (ChatState)after);
        output.Number((int)MarksOf(old, state));
        output.Number((int)state.Last);
        output.Number((int)state.User);
        var pieces = new ChatStatePieces(item);
        pieces.WriteTexts(old.Texts, state.Texts, output);
        pieces.WriteTexts(old.Reasoning, state.Reasoning, output);
        pieces.WriteTexts(old.Extras, state.Extras, output);
        pieces.WriteParts(old.Attachments, state.Attachments, output);
        pieces.WriteNames(old.Open, state.Open, output);
        pieces.WriteWaiting(old.Waiting, state.Waiting, output);
        pieces.WriteEarly(old.Early, state.Early, output);
        if (state.Tools != old.Tools)
        {
            // A set that was known moved; else there is one more.
            var known = state.Tools.Count == old.Tools.Count ? old.Tools.IndexOf(state.Tools[^1]) : -1;
            output.Number(known + 1);
            if (known < 0)
            {
                pieces.WriteBytes(state.Tools[^1].Json, output);
            }
        }

        if (state.Omitted != old.Omitted)
        {
            WriteOmitted(state.Omitted, output);
        }
    }

    /// <inheritdoc/>
    public object Read(Item item, object? before, ref PayloadReader input)
    {
        var old = before as ChatState ?? ChatState.Start;
        var (marks, last, user) = ((Marks)input.Int(), (Speaker)input.Int(), (OpenContent)input.Int());
        var pieces = new ChatStatePieces(item);
        return old with
        {
            HasLead = marks.HasFlag(Marks.HasLead),
            HasCalls = marks.HasFlag(Marks.HasCalls),
            AsksForSummary = marks.HasFlag(Marks.AsksForSummary),
            CountedCallIds = marks.HasFlag(Marks.IsCounted)
                ? old.CountedCallIds.Add(ChatStatePieces.CallIdOf(item))
                : old.CountedCallIds,
            Last = last,
            User = user,
            Texts = pieces.ReadTexts(old.Texts, ref input),
            Reasoning = pieces.ReadTexts(old.Reasoning, ref input),
            Extras = pieces.ReadTexts(old.Extras, ref input),
            Attachments = pieces.ReadParts(old.Attachments, ref input),
            Open = pieces.ReadNames(old.Open, ref input),
            Waiting = pieces.ReadWaiting(old.Waiting, ref input),
            Early = pieces.ReadEarly(old.Early, ref input),
            Tools = marks.HasFlag(Marks.HasTools) ? ReadTools(pieces, old.Tools, ref input) : old.Tools,
            Omitted = marks.HasFlag(Marks.HasOmitted) ? ReadOmitted(ref input) : old.Omitted,
        };
    }

    private static Marks MarksOf(ChatState old, ChatState state) =>
        (state.HasLead ? Marks.HasLead : Marks.None) |
        (state.HasCalls ? Marks.HasCalls : Marks.None) |
        (state.AsksForSummary ? Marks.AsksForSummary : Marks.None) |
        (state.CountedCallIds != old.CountedCallIds ? Marks.IsCounted : Marks.None) |
        (state.Tools != old.Tools ? Marks.HasTools : Marks.None) |
        (state.Omitted != old.Omitted ? Marks.HasOmitted : Marks.None);

    // A set that is offered again moves to the end.
    private static ImmutableList<ToolSet> ReadTools(
        ChatStatePieces pieces, ImmutableList<ToolSet> before, ref PayloadReader input)
    {
        var known = input.Int() - 1;
        return known < 0
            ? before.Add(ToolSet.Read(pieces.ReadBytes(ref input)))
            : before.RemoveAt(known).Add(before[known]);
    }

    private static void WriteOmitted(Omissions omitted, PayloadWriter output)
    {
        output.Number(omitted.ByType.Count());
        foreach (var (type, count) in omitted.ByType)
        {
            output.Text(type);
            output.Number(count);
        }
    }

    private static Omissions ReadOmitted(ref PayloadReader input)
    {
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var left = input.Count(); left > 0; left--)
        {
            counts[input.Text()] = input.Int();
        }

        return Omissions.Of(counts);
    }
}
