using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Items;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Wire;

/// <summary>
/// Turns model events into the numbered events of one response. Live turns and replay run this same code, so that the
/// same model events give the same bytes on any node.
/// </summary>
internal sealed class ResponseStream(
    ResponseId response, EventDialect dialect, Action<byte[]> emit, int firstNumber = 0)
{
    private readonly WireBuffer _buffer = new();
    private readonly List<OutputItem> _items = [];
    private readonly StreamShapeWriter _shape = new();
    private int _sequence = firstNumber;
    private long _outputBytes;

    /// <summary>The item that is being built, if any.</summary>
    public OutputItem? Open { get; private set; }

    /// <summary>What, beside the items, tells how the stream went.</summary>
    public byte[] Shape => _shape.ToArray();

    /// <summary>Writes an event that carries the response object.</summary>
    public void WithResponse(ReadOnlySpan<byte> type, Action<WireBuffer> writeResponse)
    {
        Begin(type).Raw(",\"response\":"u8);
        writeResponse(_buffer);
        End();
    }

    /// <summary>
    /// Writes the events of one model event; gives the item's JSON when it is whole.
    /// </summary>
    /// <exception cref="FormatException">The backend's events are out of order, or too large.</exception>
    public byte[]? Apply(in ModelEvent model)
    {
        // What is refused was not streamed, and must not be in the shape that replay follows.
        if (model.Kind != ModelEventKind.ItemDone)
        {
            // In UTF-8 a name has at most three bytes for each of its letters.
            CheckShape(model.Json.Length + model.Logprobs.Length + (3L * (model.Name?.Length ?? 0)));
        }

        var json = Step(model);
        if (model.Kind != ModelEventKind.ItemDone)
        {
            _shape.Add(model);
        }

        return json;
    }

    /// <summary>Ends what is open as cut short; gives the item's JSON, or null where nothing was open.</summary>
    public byte[]? Cut()
    {
        if (Open is null)
        {
            return null;
        }

        _shape.AddCut();
        if (Open.Open is { } part)
        {
            EndPart(Open, part);
        }

        Open.Write(_buffer, "incomplete"u8);
        return EndItem(Open, _buffer.Take());
    }

    /// <summary>The JSON that the open item has so far; null where nothing is open.</summary>
    public byte[]? Partial()
    {
        if (Open is null)
        {
            return null;
        }

        Open.Write(_buffer, "incomplete"u8);
        return _buffer.Take();
    }

    private byte[]? Step(in ModelEvent model)
    {
        switch (model.Kind)
        {
            case ModelEventKind.ItemStarted when Open is null:
                StartItem(model);
                return null;
            case ModelEventKind.PartStarted when Open is { Open: null }:
                StartPart(Open, Open.Begin(model.Part));
                return null;
            case ModelEventKind.Delta when Open?.Open is { } part:
                AddDelta(Open, part, model);
                return null;
            case ModelEventKind.PartDone when Open?.Open is { } part:
                EndPart(Open, part, model.Json);
                return null;
            case ModelEventKind.ItemDone when Open is { Open: null }:
                return EndItem(Open, WholeItem(Open, model.Json));
            case ModelEventKind.Raw when Open is not null:
                PassOn(Open, model);
                return null;
            default:
                throw new FormatException($"the model's event {model.Kind} is out of order");
        }
    }

    private void StartItem(in ModelEvent model)
    {
        Count(model.Json.Length);
        Open = new OutputItem(response, _items.Count, model);
        _items.Add(Open);
        Begin("response.output_item.added"u8).Raw(",\"output_index\":"u8).Number(Open.Index).Raw(",\"item\":"u8);
        Open.WriteStarted(_buffer);
        End();
    }

    private void StartPart(OutputItem item, OutputPart part)
    {
        switch (part.Kind)
        {
            case PartKind.OutputText or PartKind.Refusal or PartKind.ReasoningText:
                At(Begin("response.content_part.added"u8), item, part).Raw(",\"part\":"u8);
                break;
            case PartKind.SummaryText:
                At(Begin("response.reasoning_summary_part.added"u8), item, part).Raw(",\"part\":"u8);
                break;
            default:
                return;
        }

        part.Write(_buffer);
        End();
    }

    private void AddDelta(OutputItem item, OutputPart part, in ModelEvent model)
    {
        var (text, logprobs) = (model.Text, part.Kind == PartKind.OutputText ? model.Logprobs : default);
        Count(text.Length + logprobs.Length);
        item.TextBytes += text.Length + logprobs.Length;
        if (item.TextBytes > RecordedBytesMax)
        {
            throw new FormatException("the model's output is too large");
        }

        if (!EscapedText.IsWhole(text.Span))
        {
            throw new FormatException("the model's text is not valid");
        }

        System.Buffers.BuffersExtensions.Write(part.Text, text.Span);
        if (part.Kind == PartKind.Opaque)
        {
            return;
        }

        At(Begin(PartEvents.Delta(part.Kind, dialect)), item, part)
            .Raw(",\"delta\":\""u8).Raw(text.Span).Raw("\""u8);
        if (part.Kind == PartKind.OutputText)
        {
            WriteLogprobs(part, logprobs.Span);
        }

        End();
    }

    /// <summary>Writes a delta's log probabilities, and keeps them for the whole text.</summary>
    private void WriteLogprobs(OutputPart part, ReadOnlySpan<byte> array)
    {
        if (array.IsEmpty)
        {
            _buffer.Raw(",\"logprobs\":[]"u8);
            return;
        }

        part.AddLogprobs(array);
        _buffer.Raw(",\"logprobs\":"u8).Raw(array);
    }

    private void EndPart(OutputItem item, OutputPart part, ReadOnlyMemory<byte> json = default)
    {
        Count(json.Length);
        item.EndPart();
        if (part.Kind == PartKind.Opaque)
        {
            return;
        }

        At(Begin(PartEvents.Done(part.Kind, dialect)), item, part);
        if (part.Kind == PartKind.Arguments)
        {
            _buffer.Raw(",\"name\":"u8).Quoted(item.Name ?? string.Empty);
        }

        _buffer.Raw(",\""u8).Raw(PartEvents.DoneField(part.Kind)).Raw("\":\""u8).Raw(part.Text.WrittenSpan)
            .Raw("\""u8);
        if (part.Kind == PartKind.OutputText)
        {
            part.WriteLogprobs(_buffer.Raw(",\"logprobs\":"u8));
        }

        End();
        if (part.Kind is PartKind.Arguments or PartKind.Input)
        {
            return;
        }

        var type = part.Kind == PartKind.SummaryText
            ? "response.reasoning_summary_part.done"u8
            : "response.content_part.done"u8;
        At(Begin(type), item, part).Raw(",\"part\":"u8);
        if (json.IsEmpty)
        {
            part.Write(_buffer);
        }
        else
        {
            _buffer.Raw(json.Span);
        }

        End();
    }

    /// <summary>The finished item: written from what was streamed, or as its server said it.</summary>
    private byte[] WholeItem(OutputItem item, ReadOnlyMemory<byte> json)
    {
        if (json.IsEmpty && item.Kind == OutputKind.Other)
        {
            throw new FormatException("the model's item ended without saying what it is");
        }

        if (json.IsEmpty)
        {
            item.Write(_buffer, "completed"u8);
            _shape.AddItemDone();
            return _buffer.Take();
        }

        Count(json.Length);
        if (json.Length > RecordedBytesMax)
        {
            throw new FormatException("the model's output is too large");
        }

        byte[] streamed = [];
        if (!item.Matches(ReplayedItem.Parse(json)))
        {
            item.Write(_buffer, "completed"u8);
            streamed = _buffer.Take();
        }

        CheckShape(streamed.Length);
        _shape.AddItemDoneAs(streamed);
        item.WriteAs(_buffer, json.Span);
        return _buffer.Take();
    }

    private void PassOn(OutputItem item, in ModelEvent model)
    {
        Count(model.Json.Length);
        var members = model.Json.Span.Trim(" \t\r\n"u8)[1..].TrimStart(" \t\r\n"u8);
        _buffer.Raw("{\"type\":"u8).Quoted(model.Name!).Raw(",\"sequence_number\":"u8).Number(_sequence++)
            .Raw(",\"item_id\":"u8).Quoted(item.Id).Raw(",\"output_index\":"u8).Number(item.Index)
            .Raw(members.StartsWith("}"u8) ? default : ","u8).Raw(members[..^1]);
        End();
    }

    private byte[] EndItem(OutputItem item, byte[] json)
    {
        Open = null;
        Begin("response.output_item.done"u8).Raw(",\"output_index\":"u8).Number(item.Index)
            .Raw(",\"item\":"u8).Raw(json);
        End();
        return json;
    }

    private void CheckShape(long bytes)
    {
        if (_shape.Length + bytes > RecordedBytesMax)
        {
            throw new FormatException("the model's output is too large");
        }
    }

    private void Count(int bytes)
    {
        _outputBytes += bytes;
        if (_outputBytes > Limits.OutputBytesMax)
        {
            throw new FormatException("the model's output is too large");
        }
    }

    private WireBuffer Begin(ReadOnlySpan<byte> type) =>
        _buffer.Raw("{\"type\":\""u8).Raw(type).Raw("\",\"sequence_number\":"u8).Number(_sequence++);

    private static WireBuffer At(WireBuffer output, OutputItem item, OutputPart part)
    {
        output.Raw(",\"item_id\":"u8).Quoted(item.Id).Raw(",\"output_index\":"u8).Number(item.Index);
        return part.Kind switch
        {
            PartKind.SummaryText => output.Raw(",\"summary_index\":"u8).Number(part.Index),
            PartKind.Arguments or PartKind.Input => output,
            _ => output.Raw(",\"content_index\":"u8).Number(part.Index),
        };
    }

    private void End()
    {
        _buffer.Raw("}"u8);
        emit(_buffer.Take());
    }

    // Room for an item's other members, or what stands beside a shape, within one journal record.
    private const int RecordedBytesMax = Limits.RecordBytesMax - (64 << 10);
}
