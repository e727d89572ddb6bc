using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;

namespace Evergrain.Conversations.Wire;

/// <summary>Makes a response's events again from its items and its stream's shape.</summary>
internal sealed class StreamReplay
{
    private readonly IReadOnlyList<ReadOnlyMemory<byte>> _items;
    private readonly ResponseStream _stream;
    private readonly List<Step> _steps;
    private ReplayedItem? _item;
    private ReadOnlyMemory<byte> _logprobs;
    private int _next;

    private StreamReplay(List<Step> steps, IReadOnlyList<ReadOnlyMemory<byte>> items, ResponseStream stream) =>
        (_steps, _items, _stream) = (steps, items, stream);

    /// <summary>Feeds the stream the model events that the shape and the items tell of.</summary>
    /// <param name="shape">What <see cref="StreamShapeWriter"/> wrote.</param>
    /// <param name="items">The items as JSON: finished ones in order, then a partial one if there was one.</param>
    /// <param name="stream">Where the events come out.</param>
    public static void Run(ReadOnlyMemory<byte> shape, IReadOnlyList<ReadOnlyMemory<byte>> items, ResponseStream stream)
    {
        if (!shape.IsEmpty)
        {
            new StreamReplay(Read(shape), items, stream).Run();
        }
    }

    private static List<Step> Read(ReadOnlyMemory<byte> shape)
    {
        var input = new PayloadReader(shape);
        var version = input.Number();
        if (version is < StreamShapeWriter.Version or > StreamShapeWriter.LogprobsVersion)
        {
            throw new FormatException($"stream shape version {version} is not known to this program");
        }

        var steps = new List<Step>();
        while (!input.IsAtEnd)
        {
            var number = input.Number();
            var code = (int)(number >> 1);
            steps.Add((number & 1) == 1 ? new Step(0, code) : code switch
            {
                StreamShapeWriter.ItemStartedAs or StreamShapeWriter.PartDoneAs or StreamShapeWriter.ItemDoneApart or
                    StreamShapeWriter.Logprobs => new Step(code) { Json = input.Bytes() },
                StreamShapeWriter.Raw => new Step(code) { Name = input.Text(), Json = input.Bytes() },
                _ => new Step(code),
            });
        }

        return steps;
    }

    private void Run()
    {
        for (var i = 0; i < _steps.Count; i++)
        {
            var step = _steps[i];
            switch (step.Code)
            {
                case 0:
                    AddDelta(step.Length);
                    break;
                case StreamShapeWriter.Logprobs:
                    _logprobs = step.Json;
                    break;
                case StreamShapeWriter.ItemStarted or StreamShapeWriter.ItemStartedAs:
                    Start(i);
                    break;
                case StreamShapeWriter.Cut:
                    _stream.Cut();
                    break;
                case StreamShapeWriter.PartDone or StreamShapeWriter.PartDoneAs:
                    Apply(new ModelEvent(ModelEventKind.PartDone) { Json = step.Json });
                    break;
                case StreamShapeWriter.ItemDone:
                    Apply(new ModelEvent(ModelEventKind.ItemDone));
                    break;
                case StreamShapeWriter.ItemDoneAs or StreamShapeWriter.ItemDoneApart:
                    Apply(new ModelEvent(ModelEventKind.ItemDone) { Json = OutputItem.WithoutId(_items[_next - 1]) });
                    break;
                case StreamShapeWriter.Raw:
                    Apply(new ModelEvent(ModelEventKind.Raw) { Name = step.Name, Json = step.Json });
                    break;
                default:
                    BeginPart((PartKind)(step.Code - StreamShapeWriter.PartStarted));
                    break;
            }
        }
    }

    private void AddDelta(int length)
    {
        Apply(new ModelEvent(ModelEventKind.Delta) { Text = _item!.Take(length), Logprobs = _logprobs });
        _logprobs = default;
    }

    private void Start(int position)
    {
        var item = ReplayedItem.Parse(_items[_next++]);
        var end = EndOf(position);

        // Where an item's texts were streamed otherwise than they stand in it, its end in the shape has them.
        _item = end.Code == StreamShapeWriter.ItemDoneApart ? ReplayedItem.Parse(end.Json) : item;

        // What a server said of its item at the end, the stream did not know when it wrote the beginning.
        var isOurs = end.Code is not (StreamShapeWriter.ItemDoneAs or StreamShapeWriter.ItemDoneApart);
        var started = item.Started;
        Apply(started with { Json = _steps[position].Json, IsAsync = started.IsAsync && isOurs });
    }

    /// <summary>How the item ended that began at a position; the default if it did not.</summary>
    private Step EndOf(int position)
    {
        var end = _steps.FindIndex(position + 1, static step => step.Code is StreamShapeWriter.ItemDone
            or StreamShapeWriter.ItemDoneAs or StreamShapeWriter.ItemDoneApart or StreamShapeWriter.Cut);
        return end >= 0 ? _steps[end] : default;
    }

    private void BeginPart(PartKind kind)
    {
        _item!.Begin(kind);
        Apply(new ModelEvent(ModelEventKind.PartStarted) { Part = kind });
    }

    private void Apply(in ModelEvent model) => _stream.Apply(model);

    /// <summary>One entry of a shape; code 0 is a delta of <paramref name="Length"/> bytes.</summary>
    private readonly record struct Step(int Code, int Length = 0)
    {
        public string? Name { get; init; }

        public ReadOnlyMemory<byte> Json { get; init; }
    }
}
