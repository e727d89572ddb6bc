using System.Collections.Immutable;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Records;

namespace Evergrain.Providers.Chat;

/// <summary>The parts of a state as bytes: what is left of the state before an item, and what the item adds.</summary>
/// <param name="item">The item.</param>
internal readonly struct ChatStatePieces(Item item)
{
    /// <summary>The call id of an item that changed what is known of its call.</summary>
    public static string CallIdOf(Item item) => JsonContent.Text(JsonMembers.Of(item.Json)["call_id"u8]) ??
        throw new FormatException("an item that changes a call has no call id");

    public void WriteTexts(
        ImmutableList<ReadOnlyMemory<byte>> before, ImmutableList<ReadOnlyMemory<byte>> after, PayloadWriter output) =>
        WriteList(before, after, static text => new ContentPart(IsText: true, text), output);

    public ImmutableList<ReadOnlyMemory<byte>> ReadTexts(
        ImmutableList<ReadOnlyMemory<byte>> before, ref PayloadReader input) =>
        ReadList(before, static part => part.Bytes, ref input);

    public void WriteParts(ImmutableList<ContentPart> before, ImmutableList<ContentPart> after, PayloadWriter output) =>
        WriteList(before, after, static part => part, output);

    public ImmutableList<ContentPart> ReadParts(ImmutableList<ContentPart> before, ref PayloadReader input) =>
        ReadList(before, static part => part, ref input);

    /// <summary>Writes which names went and which came.</summary>
    /// <remarks>
    /// Where more than one call is open, an item changes no more than its own: the sets are not compared then.
    /// </remarks>
    public void WriteNames(ImmutableHashSet<string> before, ImmutableHashSet<string> after, PayloadWriter output)
    {
        if (ReferenceEquals(before, after))
        {
            WriteStrings([], output);
            WriteStrings([], output);
        }
        else if (before.Count > 1)
        {
            string[] own = [CallIdOf(item)];
            var isOpen = after.Contains(own[0]);
            WriteStrings(isOpen ? [] : own, output);
            WriteStrings(isOpen ? own : [], output);
        }
        else
        {
            WriteStrings(before.Except(after), output);
            WriteStrings(after.Except(before), output);
        }
    }

    public ImmutableHashSet<string> ReadNames(ImmutableHashSet<string> before, ref PayloadReader input) =>
        before.Except(ReadStrings(ref input)).Union(ReadStrings(ref input));

    /// <summary>Writes how many of the items that waited, and of this one behind them, wait no more.</summary>
    public void WriteWaiting(ImmutableList<Item> before, ImmutableList<Item> after, PayloadWriter output)
    {
        var isAdded = after.Count > 0 && ReferenceEquals(after[^1], item);
        output.Flag(isAdded);
        output.Number(before.Count + (isAdded ? 1 : 0) - after.Count);
    }

    public ImmutableList<Item> ReadWaiting(ImmutableList<Item> before, ref PayloadReader input)
    {
        var all = input.Flag() ? before.Add(item) : before;
        var gone = input.Int();
        return gone >= 0 && gone <= all.Count
            ? all.RemoveRange(0, gone)
            : throw new FormatException("more items wait no more than waited");
    }

    /// <summary>Writes whether this output waits for its call, and which others have found theirs.</summary>
    public void WriteEarly(
        ImmutableDictionary<string, Item> before, ImmutableDictionary<string, Item> after, PayloadWriter output)
    {
        var isSame = ReferenceEquals(before, after);
        var isAdded = !isSame && after.TryGetValue(CallIdOf(item), out var early) && ReferenceEquals(early, item);
        output.Flag(isAdded);

        // An output that waits releases no other.
        WriteStrings(isSame || isAdded ? [] : [.. before.Keys.Where(id => !after.ContainsKey(id))], output);
    }

    public ImmutableDictionary<string, Item> ReadEarly(
        ImmutableDictionary<string, Item> before, ref PayloadReader input)
    {
        var isAdded = input.Flag();
        var left = before.RemoveRange(ReadStrings(ref input));
        return isAdded ? left.SetItem(CallIdOf(item), item) : left;
    }

    /// <summary>Writes where in the item the bytes are, or else the bytes.</summary>
    public void WriteBytes(ReadOnlyMemory<byte> bytes, PayloadWriter output)
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

    public ReadOnlyMemory<byte> ReadBytes(ref PayloadReader input) =>
        input.Flag() ? item.Json.Slice(input.Int(), input.Int()) : input.Bytes();

    private static void WriteStrings(IReadOnlyCollection<string> strings, PayloadWriter output)
    {
        output.Number(strings.Count);
        foreach (var text in strings)
        {
            output.Text(text);
        }
    }

    private static List<string> ReadStrings(ref PayloadReader input)
    {
        var strings = new List<string>();
        for (var left = input.Count(); left > 0; left--)
        {
            strings.Add(input.Text());
        }

        return strings;
    }

    /// <summary>
    /// Writes what stays of a list, none or all, and what is new behind that. A list that grew has the same first and
    /// last element in the same places: elements are places in memory, which no other list has.
    /// </summary>
    private void WriteList<T>(
        ImmutableList<T> before, ImmutableList<T> after, Func<T, ContentPart> part, PayloadWriter output)
        where T : IEquatable<T>
    {
        var stays = ReferenceEquals(before, after) || before.IsEmpty || (before.Count <= after.Count &&
            before[0].Equals(after[0]) && before[^1].Equals(after[before.Count - 1]));
        output.Flag(stays);
        output.Number(after.Count - (stays ? before.Count : 0));
        for (var i = stays ? before.Count : 0; i < after.Count; i++)
        {
            var added = part(after[i]);
            output.Flag(added.IsText);
            WriteBytes(added.Bytes, output);
        }
    }

    private ImmutableList<T> ReadList<T>(ImmutableList<T> before, Func<ContentPart, T> of, ref PayloadReader input)
    {
        var list = input.Flag() ? before : [];
        for (var left = input.Count(); left > 0; left--)
        {
            list = list.Add(of(new ContentPart(input.Flag(), ReadBytes(ref input))));
        }

        return list;
    }
}
