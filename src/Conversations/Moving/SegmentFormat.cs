using System.Runtime.InteropServices;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;

namespace Evergrain.Conversations.Moving;

/// <summary>How segments stand in a snapshot: digests, items, then what each rendering made of the items.</summary>
internal static class SegmentFormat
{
    // Beside its digest an item has a length, a type, a role and an origin.
    private const int ItemBytesMin = Digest.Size + 4;
    private const int StateNone = 0, StateSame = 1, StateStep = 2;

    public static void Write(SnapshotWriter output, SegmentTable segments)
    {
        output.Payload.Number(segments.Count);
        for (var i = 0; i < segments.Count; i++)
        {
            var (segment, count) = (segments[i], segments.UsedOf(i));
            segments.Write(output, segment.Parent);
            output.Payload.Flag(segment.IsStored);
            output.Payload.Number(count);
            output.Payload.Rest(MemoryMarshal.AsBytes(segment.Digests(count)));
            for (var j = 0; j < count; j++)
            {
                Write(output, segment.ItemAt(j));
            }

            WriteRenderings(output, segment, count);
        }
    }

    public static List<Segment> Read(ref SnapshotReader input)
    {
        var segments = new List<Segment>();
        for (var left = input.Payload.Count(ItemBytesMin); left > 0; left--)
        {
            var segment = ReadItems(ref input, segments);
            for (var renderings = input.Payload.Count(); renderings > 0; renderings--)
            {
                ReadRendering(ref input, segment);
            }

            segments.Add(segment);
        }

        return segments;
    }

    private static void Write(SnapshotWriter output, Item item)
    {
        output.Payload.Bytes(item.Json.Span);
        output.Text(item.Type);
        output.Payload.Number((int)item.Role);
        output.Payload.Flag(item.Origin is not null);
        if (item.Origin is { } origin)
        {
            output.Text(origin.Server);
            output.Payload.Text(origin.Kept);
        }
    }

    private static Segment ReadItems(ref SnapshotReader input, List<Segment> segments)
    {
        var (parent, isStored) = (SegmentTable.Read(ref input, segments), input.Payload.Flag());
        var count = input.Payload.Count(ItemBytesMin);
        if (count is 0 or > Limits.SegmentItemsMax)
        {
            throw new FormatException($"a segment has {count} items");
        }

        var segment = new Segment(parent, isStored, count);
        var digests = input.Payload.Take(count * Digest.Size).Span;
        for (var i = 0; i < count; i++)
        {
            var (json, type, role) = (input.Payload.Bytes(), input.Text(), input.Payload.Int());
            var origin = input.Payload.Flag() ? new ItemOrigin(input.Text(), input.Payload.Text()) : null;
            segment.Append(
                new Item(json, type, (ItemRole)role) { Origin = origin }, Digest.From(digests[(i * Digest.Size)..]));
        }

        return segment;
    }

    private static void WriteRenderings(SnapshotWriter output, Segment segment, int count)
    {
        var moving = segment.Renderings.Where(rendering =>
            rendering.Count > 0 && output.StatesOf(rendering.Name) is not null).ToList();
        output.Payload.Number(moving.Count);
        foreach (var rendering in moving)
        {
            var states = output.StatesOf(rendering.Name)!;
            output.Text(rendering.Name);
            output.Payload.Number(Math.Min(count, rendering.Count));
            for (var i = 0; i < Math.Min(count, rendering.Count); i++)
            {
                Write(output, segment.ItemAt(i), rendering.At(i)!.Value.Rendered, states,
                    rendering.At(i - 1)?.Rendered.State);
            }
        }
    }

    private static void Write(
        SnapshotWriter output, Item item, Rendered rendered, IStateCodec states, object? before)
    {
        var kind = rendered.State is null ? StateNone
            : ReferenceEquals(rendered.State, before) ? StateSame
            : StateStep;
        var isOwn = rendered.Bytes.Equals(item.Json);
        output.Payload.Number(((long)rendered.Tokens << 3) | ((long)kind << 1) | (isOwn ? 1L : 0));
        if (!isOwn)
        {
            output.Payload.Bytes(rendered.Bytes.Span);
        }

        if (kind == StateStep)
        {
            var step = output.State();
            states.Write(item, before, rendered.State!, new PayloadWriter(step));
            output.Payload.Bytes(step.WrittenSpan);
        }
    }

    private static void ReadRendering(ref SnapshotReader input, Segment segment)
    {
        var (name, count) = (input.Text(), input.Payload.Int());
        if (count < 1 || count > segment.Count || segment.HasRendering(name))
        {
            throw new FormatException($"a rendering has {count} items of a segment's {segment.Count}");
        }

        // Of a backend that is not here, or that cannot read its states, nothing is kept on any segment.
        var states = input.StatesOf(name);
        var rendering = states is null ? null : Begin(segment, name, count);
        for (var i = 0; i < count; i++)
        {
            var before = rendering?.At(i - 1);
            var rendered = Read(ref input, segment.ItemAt(i), states, before?.Rendered.State);
            rendering?.Append(RenderedItem.Behind(before, rendered));
        }
    }

    private static SegmentRendering Begin(Segment segment, string name, int capacity)
    {
        var (parent, count) = segment.Parent;
        return parent is null || (parent.HasRendering(name) && parent.Rendering(name).Count >= count)
            ? segment.Rendering(name, capacity)
            : throw new FormatException($"nothing before a segment is rendered as '{name}'");
    }

    private static Rendered Read(ref SnapshotReader input, Item item, IStateCodec? states, object? before)
    {
        var head = input.Payload.Number();
        var bytes = (head & 1) != 0 ? item.Json : input.Payload.Bytes();
        var state = ((int)(head >> 1) & 3) switch
        {
            StateNone => null,
            StateSame => before,
            StateStep => ReadState(input.Payload.Bytes(), item, states, before),
            _ => throw new FormatException("a state of an unknown kind"),
        };
        return new Rendered(bytes, checked((int)(head >> 3)), state);
    }

    private static object? ReadState(ReadOnlyMemory<byte> step, Item item, IStateCodec? states, object? before)
    {
        if (states is null)
        {
            return null;
        }

        var input = new PayloadReader(step);
        var state = states.Read(item, before, ref input);
        return input.IsAtEnd ? state : throw new FormatException("a state is longer than it reads");
    }
}
