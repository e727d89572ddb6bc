using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Records;

/// <summary>
/// The payload of each record. What is written here is the same in every format; what a kind says besides is a
/// <see cref="RecordField"/>. A program that does not know a kind refuses the journal by the kind's number.
/// </summary>
internal static class RecordCodec
{
    public static void Write(Record record, PayloadWriter output)
    {
        switch (record)
        {
            case Claimed:
                break;
            case ValueHeld value:
                output.Number(value.Number);
                output.Text(value.Field);
                output.Rest(value.Json.Span);
                break;
            case InputHeld input:
                output.Rest(input.Json.Span);
                break;
            case TurnStarted started:
                WriteStarted(started, output);
                break;
            case OutputHeld item:
                output.Number(item.Turn);
                output.Number(item.Index);
                output.Flag(item.IsPartial);
                output.Rest(item.Json.Span);
                break;
            case OutputNamed named:
                WriteNamed(named, output);
                break;
            case TurnFinished finished:
                WriteFinished(finished, output);
                break;
            case TurnDeleted deleted:
                output.Number(deleted.Turn);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(record), record.Kind, "unknown record");
        }
    }

    /// <summary>Reads one payload. A <see cref="FormatException"/> or overflow means that it is corrupt.</summary>
    public static Record Read(RecordKind kind, ReadOnlyMemory<byte> payload)
    {
        var input = new PayloadReader(payload);
        Record record = kind switch
        {
            RecordKind.Claimed => new Claimed(),
            RecordKind.ValueHeld => new ValueHeld(input.Int(), input.Text(), input.Rest()),
            RecordKind.InputHeld => new InputHeld(input.Rest()),
            RecordKind.TurnStarted => ReadStarted(ref input),
            RecordKind.OutputHeld => new OutputHeld(input.Int(), input.Int(), input.Flag(), input.Rest()),
            RecordKind.OutputNamed => ReadNamed(ref input),
            RecordKind.TurnFinished => ReadFinished(ref input),
            RecordKind.TurnDeleted => new TurnDeleted(input.Int()),
            _ => throw new UnknownRecordException($"record kind {(byte)kind} is not known to this version"),
        };
        return input.IsAtEnd ? record : throw new FormatException($"a {kind} record is longer than its fields");
    }

    private static void WriteStarted(TurnStarted started, PayloadWriter output)
    {
        output.Number(started.Turn);
        output.Number(started.Parent);
        output.Word128(started.RequestId);
        output.Number(started.CreatedAt);
        output.Number((int)started.Dialect);
        output.Flag(started.Generate);
        output.Number(started.Values.Count);
        foreach (var value in started.Values)
        {
            output.Number(value);
        }

        output.Number(started.InputCount);
    }

    private static TurnStarted ReadStarted(ref PayloadReader input)
    {
        var (turn, parent, requestId, createdAt) = (input.Int(), input.Int(), input.Word128(), input.Number());
        var (dialect, generate) = ((EventDialect)input.Int(), input.Flag());
        var values = new List<int>();
        for (var count = input.Int(); count > 0; count--)
        {
            values.Add(input.Int());
        }

        return new TurnStarted
        {
            Turn = turn,
            Parent = parent,
            RequestId = requestId,
            CreatedAt = createdAt,
            Dialect = dialect,
            Generate = generate,
            Values = values,
            InputCount = input.Int(),
        };
    }

    private static void WriteNamed(OutputNamed named, PayloadWriter output)
    {
        output.Number(named.Turn);
        output.Text(named.Rendering);
        output.Number(named.Ids.Count);
        foreach (var id in named.Ids)
        {
            output.OptionalText(id);
        }
    }

    /// <summary>Reads what a turn's items are called.</summary>
    public static OutputNamed ReadNamed(ref PayloadReader input)
    {
        var (turn, rendering) = (input.Int(), input.Text());
        var ids = new List<string?>();
        for (var count = input.Int(); count > 0; count--)
        {
            ids.Add(input.OptionalText());
        }

        return new OutputNamed(turn, rendering, ids);
    }

    private static void WriteFinished(TurnFinished finished, PayloadWriter output)
    {
        output.Number(finished.Turn);
        WriteEnding(finished.Ending, output);
        output.Rest(finished.Digest.AsSpan());
        output.Rest(finished.Shape.Span);
    }

    /// <summary>Writes how a turn ended.</summary>
    public static void WriteEnding(TurnEnding ending, PayloadWriter output)
    {
        output.Number((int)ending.Outcome);
        output.OptionalText(ending.Code);
        output.OptionalText(ending.Message);
        output.Number(ending.EndedAt);
        output.Flag(ending.Usage is not null);
        if (ending.Usage is { } usage)
        {
            output.Number(usage.InputTokens);
            output.Number(usage.CachedTokens);
            output.Number(usage.OutputTokens);
            output.Number(usage.ReasoningTokens);
        }
    }

    private static TurnFinished ReadFinished(ref PayloadReader input)
    {
        var (turn, ending) = (input.Int(), ReadEnding(ref input));
        var rest = input.Rest();
        if (rest.Length < Digest.Size)
        {
            throw new FormatException("the payload ends too early");
        }

        return new TurnFinished
        {
            Turn = turn,
            Ending = ending,
            Digest = Digest.From(rest.Span),
            Shape = rest[Digest.Size..],
        };
    }

    /// <summary>Reads how a turn ended.</summary>
    public static TurnEnding ReadEnding(ref PayloadReader input)
    {
        var outcome = (TurnOutcome)input.Int();
        var (code, message, endedAt) = (input.OptionalText(), input.OptionalText(), input.Number());
        var usage = input.Flag()
            ? new Usage(input.Number(), input.Number(), input.Number(), input.Number())
            : null;
        return new TurnEnding(outcome, code, message, usage, endedAt);
    }
}
