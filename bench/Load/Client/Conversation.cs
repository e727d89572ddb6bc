using System.Text;

namespace Evergrain.Load.Client;

/// <summary>One conversation over one socket, as an agent's loop drives it. Blocking: one thread per socket.</summary>
internal sealed class Conversation(WireSocket wire)
{
    // 3,000 items of 2,000 bytes stay well below the 16 MiB of a frame.
    private const int ItemsPerCreate = 3_000;

    /// <summary>The last response's id; null before the first.</summary>
    public string? Last { get; private set; }

    /// <summary>Items held, input and output.</summary>
    public int Items { get; private set; }

    /// <summary>The call that the last response made; null if none.</summary>
    public string? CallId { get; private set; }

    /// <summary>Bytes of the last response's own output item.</summary>
    public int OutputBytes { get; private set; }

    /// <summary>
    /// Adds user messages without asking the model; gives the id of the response that ends with the last.
    /// </summary>
    public string Grow(int items, bool withTools = true, bool store = true)
    {
        for (var left = items; left > 0;)
        {
            var count = Math.Min(left, ItemsPerCreate);
            var first = Items;
            Run(Create.Turn(Last, Enumerable.Range(first, count).Select(Create.Message), withTools, generate: false,
                store));
            Items += count;
            left -= count;
        }

        return Last!;
    }

    /// <summary>Sends a script of tool calls, answering a call that still waits; the model makes the first.</summary>
    /// <param name="calls">How many calls, this one included.</param>
    /// <param name="argumentBytes">Bytes of each call's argument; 0: a short path.</param>
    public void Begin(int calls, int argumentBytes)
    {
        var argument = argumentBytes > 0 ? new string('a', argumentBytes) : "src/Program.cs";
        var step = $$$"""{"call":"{{{Create.Tool}}}","args":{"path":"{{{argument}}}"}}""";
        var script = Create.Script(string.Join(',', Enumerable.Repeat(step, calls)));
        string[] input = CallId is null ? [script] : [Create.Answer(CallId), script];
        Run(Create.Turn(Last, input));
        Items += input.Length + 1;
    }

    /// <summary>The create that answers the call that waits.</summary>
    public byte[] NextTurn() => Create.Turn(Last, [Create.Answer(CallId!)]);

    /// <summary>Runs a create to its terminal event, and takes its response for the last.</summary>
    /// <exception cref="InvalidOperationException">It did not complete.</exception>
    public void Run(ReadOnlySpan<byte> create)
    {
        wire.Send(create);
        (CallId, OutputBytes) = (null, 0);
        while (true)
        {
            var frame = wire.Read();
            if (Is(frame, "response.output_item.done"u8))
            {
                TakeItem(frame);
            }
            else if (Is(frame, "response.completed"u8))
            {
                Last = Text(frame, "\"id\":\""u8);
                return;
            }
            else if (Is(frame, "error"u8) || Is(frame, "response.failed"u8) || Is(frame, "response.incomplete"u8))
            {
                throw new InvalidOperationException("A turn failed: " + Encoding.UTF8.GetString(frame));
            }
        }
    }

    /// <summary>Runs the create of <see cref="NextTurn"/> and counts its two items.</summary>
    public void RunNext(ReadOnlySpan<byte> create)
    {
        Run(create);
        Items += 2;
    }

    /// <summary>Whether a frame is an event of a type.</summary>
    public static bool Is(ReadOnlySpan<byte> frame, ReadOnlySpan<byte> type)
    {
        const int typeAt = 9;
        return frame.Length > typeAt + type.Length && frame[typeAt..].StartsWith(type) &&
            frame[typeAt + type.Length] == '"';
    }

    /// <summary>The text behind a name, up to the next quote.</summary>
    public static string Text(ReadOnlySpan<byte> json, ReadOnlySpan<byte> name)
    {
        var rest = json[(json.IndexOf(name) + name.Length)..];
        return Encoding.UTF8.GetString(rest[..rest.IndexOf((byte)'"')]);
    }

    private void TakeItem(ReadOnlySpan<byte> frame)
    {
        var item = frame[(frame.IndexOf("\"item\":"u8) + 7)..^1];
        OutputBytes += item.Length;
        CallId = item.IndexOf("\"call_id\":\""u8) >= 0 ? Text(item, "\"call_id\":\""u8) : null;
    }
}
