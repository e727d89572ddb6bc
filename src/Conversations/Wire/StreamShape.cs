using System.Buffers;
using System.Text.Json;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;

namespace Evergrain.Conversations.Wire;

/// <summary>
/// The shape of a stream: what the finished items do not tell of the events that built them. Written by the live turn,
/// kept in the journal, read to make the same events again.
/// </summary>
/// <remarks>
/// Version byte 1: of the shape, and of the code that writes events from it, whose bytes it must give for ever; another
/// wording of any event is a new version beside this one. Then LEB128 numbers: odd = a delta of n/2 bytes; even n/2 =
/// 1 item started, 2 part done, 3 item
/// done, 4 cut short, 8+k part of kind k started.
/// </remarks>
internal sealed class StreamShapeWriter
{
    public const byte Version = 1;
    public const int ItemStarted = 1, PartDone = 2, ItemDone = 3, Cut = 4, PartStarted = 8;
    private readonly ArrayBufferWriter<byte> _bytes = new(64);

    public StreamShapeWriter() => new PayloadWriter(_bytes).Number(Version);

    public ReadOnlyMemory<byte> Written => _bytes.WrittenMemory;

    public void Add(in ModelEvent model) => new PayloadWriter(_bytes).Number(model.Kind switch
    {
        ModelEventKind.Delta => ((long)model.Text.Length << 1) | 1,
        ModelEventKind.ItemStarted => ItemStarted << 1,
        ModelEventKind.PartStarted => (PartStarted + (int)model.Part) << 1,
        ModelEventKind.PartDone => PartDone << 1,
        _ => ItemDone << 1,
    });

    public void AddCut() => new PayloadWriter(_bytes).Number(Cut << 1);
}

/// <summary>Makes a response's events again from its items and its stream's shape.</summary>
internal static class StreamReplay
{
    /// <summary>Feeds the stream the model events that the shape and the items tell of.</summary>
    /// <param name="shape">What <see cref="StreamShapeWriter"/> wrote.</param>
    /// <param name="items">The items as JSON: finished ones in order, then a partial one if there was one.</param>
    /// <param name="stream">Where the events come out.</param>
    public static void Run(ReadOnlyMemory<byte> shape, IReadOnlyList<ReadOnlyMemory<byte>> items, ResponseStream stream)
    {
        if (shape.IsEmpty)
        {
            return;
        }

        var input = new PayloadReader(shape);
        if (input.Number() is var version && version != StreamShapeWriter.Version)
        {
            throw new FormatException($"stream shape version {version} is not known to this program");
        }

        var next = 0;
        ReplayedItem? item = null;
        while (!input.IsAtEnd)
        {
            var number = input.Number();
            switch (number >> 1)
            {
                case var length when (number & 1) == 1:
                    stream.Apply(new ModelEvent(ModelEventKind.Delta) { Text = item!.Take((int)length) });
                    break;
                case StreamShapeWriter.ItemStarted:
                    item = ReplayedItem.Parse(items[next++]);
                    stream.Apply(item.Started);
                    break;
                case StreamShapeWriter.Cut:
                    stream.Cut();
                    break;
                case StreamShapeWriter.PartDone:
                    stream.Apply(new ModelEvent(ModelEventKind.PartDone));
                    break;
                case StreamShapeWriter.ItemDone:
                    stream.Apply(new ModelEvent(ModelEventKind.ItemDone));
                    break;
                case var part:
                    var kind = (PartKind)(part - StreamShapeWriter.PartStarted);
                    item!.Begin(kind);
                    stream.Apply(new ModelEvent(ModelEventKind.PartStarted) { Part = kind });
                    break;
            }
        }
    }
}
