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
    /// <inheritdoc/>
    public void Write(Item item, object? before, object after, PayloadWriter output)
    {
        var (old, state) = (before as ChatState ?? ChatState.Start, (ChatState)after);
        output.Flag(state.HasCalls);
        output.Flag(state.AsksForSummary);
        output.Flag(state.CountedCallIds != old.CountedCallIds);
        WriteList(item, old.Texts, state.Texts, static text => new ContentPart(IsText: true, text), output);
        WriteList(item, old.Reasoning, state.Reasoning, static text => new ContentPart(IsText: true, text), output);
        WriteList(item, old.Attachments, state.Attachments, static part => part, output);
        output.Flag(state.Tools != old.Tools);
        if (state.Tools != old.Tools)
        {
            var known = old.Tools.IndexOf(state.Tools[^1]);
            output.Number(known + 1);
            if (known < 0)
            {
                WriteBytes(item, state.Tools[^1].Json, output);
            }
        }

        output.Flag(state.Omitted != old.Omitted);
        if (state.Omitted != old.Omitted)
        {
            WriteOmitted(state.Omitted, output);
        }
    }

    /// <inheritdoc/>
    public object Read(Item item, object? before, ref PayloadReader input)
    {
        var old = before as ChatState ?? ChatState.Start;
        var (hasCalls, asks, isCounted) = (input.Flag(), input.Flag(), input.Flag());
        return old with
        {
            HasCalls = hasCalls,
            AsksForSummary = asks,
            CountedCallIds = isCounted ? old.CountedCallIds.Add(CallIdOf(item)) : old.CountedCallIds,
            Texts = ReadList(item, old.Texts, static part => part.Bytes, ref input),
            Reasoning = ReadList(item, old.Reasoning, static part => part.Bytes, ref input),
            Attachments = ReadList(item, old.Attachments, static part => part, ref input),
            Tools = input.Flag() ? ReadTools(item, old.Tools, ref input) : old.Tools,
            Omitted = input.Flag() ? ReadOmitted(ref input) : old.Omitted,
        };
    }

    private static string CallIdOf(Item item) => JsonContent.Text(JsonMembers.Of(item.Json)["call_id"u8]) ??
        throw new FormatException("an item that counts a call id has none");

    /// <summary>Writes what stays of a list, none or all, and what is new behind that.</summary>
    private static void WriteList<T>(Item item, ImmutableList<T> before, ImmutableList<T> after,
        Func<T, ContentPart> part, PayloadWriter output)
        where T : IEquatable<T>
    {
        var stays = before.Count <= after.Count && before.SequenceEqual(after.Take(before.Count));
        output.Flag(stays);
        output.Number(after.Count - (stays ? before.Count : 0));
        foreach (var added in after.Skip(stays ? before.Count : 0).Select(part))
        {
            output.Flag(added.IsText);
            WriteBytes(item, added.Bytes, output);
        }
    }

    private static ImmutableList<T> ReadList<T>(Item item, ImmutableList<T> before, Func<ContentPart, T> of,
        ref PayloadReader input)
    {
        var list = input.Flag() ? before : [];
        for (var left = input.Count(); left > 0; left--)
        {
            list = list.Add(of(new ContentPart(input.Flag(), ReadBytes(item, ref input))));
        }

        return list;
    }

    // A set that is offered again moves to the end.
    private static ImmutableList<ToolSet> ReadTools(Item item, ImmutableList<ToolSet> before, ref PayloadReader input)
    {
        var known = input.Int() - 1;
        return known < 0
            ? before.Add(ToolSet.Read(ReadBytes(item, ref input)))
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

    /// <summary>Writes where in the item the bytes are, or else the bytes.</summary>
    private static void WriteBytes(Item item, ReadOnlyMemory<byte> bytes, PayloadWriter output)
    {
        var isSlice = item.Json.Span.Overlaps(bytes.Span, out var offset) && offset >= 0;
        output.Flag(isSlice);
        if (isSlice)
        {
            output.Number(offset);
            output.Number(bytes.Length);
        }
        else
        {
            output.Bytes(bytes.Span);
        }
    }

    private static ReadOnlyMemory<byte> ReadBytes(Item item, ref PayloadReader input) =>
        input.Flag() ? item.Json.Slice(input.Int(), input.Int()) : input.Bytes();
}
