using System.Text;
using System.Text.Json;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Wire;

namespace Evergrain.Conversations.Turns;

/// <summary>
/// Writes what the context of a turn is made of: its segments with their sizes, renderings and digests; and, where that
/// is asked for, the last items as a model server gets them.
/// </summary>
internal static class ContextShape
{
    // Of a long branch the last segments are shown.
    private const int SegmentsMax = 1_000;

    // Of items as they were rendered: a look at the end of a context, and not a copy of it.
    private const int RenderedBytesMax = 256 << 10;

    /// <summary>Writes it.</summary>
    /// <param name="response">The turn's response.</param>
    /// <param name="branch">The branch up to the turn's end, or, while it runs, to its input.</param>
    /// <param name="rendered">How many of the last items are written as they were rendered; 0: none.</param>
    public static ReadOnlyMemory<byte> Write(ResponseId response, Branch branch, int rendered)
    {
        var path = new Stack<Branch>();
        for (var at = branch; at.Segment is { } segment && path.Count < SegmentsMax; at = segment.Parent)
        {
            path.Push(at);
        }

        var buffer = new WireBuffer();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("object"u8, "evergrain.context"u8);
            json.WriteString("response_id"u8, response.ToString());
            json.WriteNumber("items"u8, branch.Length);
            json.WriteString("digest"u8, branch.Digest.ToString());
            json.WriteStartArray("segments"u8);
            foreach (var (segment, count) in path)
            {
                WriteSegment(json, segment!, count);
            }

            json.WriteEndArray();
            WriteRendered(json, branch, rendered);
            json.WriteEndObject();
        }

        return buffer.Take();
    }

    private static void WriteSegment(Utf8JsonWriter json, Segment segment, int count)
    {
        var bytes = 0L;
        for (var i = 0; i < count; i++)
        {
            bytes += segment.ItemAt(i).Json.Length;
        }

        json.WriteStartObject();
        json.WriteNumber("first"u8, segment.Start);
        json.WriteNumber("items"u8, count);
        json.WriteNumber("bytes"u8, bytes);
        json.WriteBoolean("is_stored"u8, segment.IsStored);
        json.WriteString("digest"u8, segment.DigestAt(count - 1).ToString());
        json.WriteStartArray("renderings"u8);
        foreach (var rendering in segment.Renderings)
        {
            var items = Math.Min(rendering.Count, count);
            var (before, last) = (rendering.At(-1), rendering.At(items - 1));
            json.WriteStartObject();
            json.WriteString("name"u8, rendering.Name);
            json.WriteNumber("items"u8, items);
            json.WriteNumber("bytes"u8, (last?.Bytes ?? 0) - (before?.Bytes ?? 0));
            json.WriteNumber("tokens"u8, (last?.Tokens ?? 0) - (before?.Tokens ?? 0));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>The last items of the newest rendering, as far as there are some, bounded in bytes.</summary>
    private static void WriteRendered(Utf8JsonWriter json, Branch branch, int most)
    {
        var name = branch.Segment?.Renderings.LastOrDefault()?.Name;
        if (most == 0 || name is null)
        {
            json.WriteNull("rendered"u8);
            return;
        }

        var items = new Stack<ReadOnlyMemory<byte>>();
        var bytes = 0L;
        foreach (var item in Backwards(branch, name).Take(most))
        {
            bytes += item.Length;
            if (bytes > RenderedBytesMax)
            {
                break;
            }

            items.Push(item);
        }

        json.WriteStartObject("rendered"u8);
        json.WriteString("rendering"u8, name);
        json.WriteStartArray("items"u8);
        foreach (var item in items)
        {
            json.WriteStringValue(Encoding.UTF8.GetString(item.Span));
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static IEnumerable<ReadOnlyMemory<byte>> Backwards(Branch branch, string rendering)
    {
        for (var (segment, count) = (branch.Segment, branch.Count); segment is not null;
            (segment, count) = segment.Parent)
        {
            if (!segment.HasRendering(rendering))
            {
                yield break;
            }

            var rendered = segment.Rendering(rendering);
            for (var i = Math.Min(count, rendered.Count) - 1; i >= 0; i--)
            {
                yield return rendered.At(i)!.Value.Rendered.Bytes;
            }
        }
    }
}
