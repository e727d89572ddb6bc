using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Moving;

/// <summary>
/// How one turn stands in a snapshot. What its branches tell (output items, digest) is not said again.
/// </summary>
internal static class TurnFormat
{
    public static void Write(SnapshotWriter output, Turn turn, MovedPlace place, SnapshotTables tables)
    {
        output.Payload.Number((long)FlagsOf(turn, place));
        if (turn.Id.Tag != 0)
        {
            output.Payload.Number(turn.Id.Tag);
        }

        if (!turn.Id.IsStored)
        {
            output.Payload.Word128(turn.Id.Random);

            // No connection holds a turn that is kept: its time stands where others have their lease.
            output.Payload.Number(place.KeptUntil?.UtcTicks ?? (long)turn.Lease.Value);
        }

        output.Payload.Number(tables.Turns.PlaceOf(turn.Parent));
        output.Payload.Word128(turn.RequestId);
        output.Payload.Number(turn.CreatedAt);
        output.Payload.Number((int)turn.Dialect);
        output.Payload.Number(tables.Parameters.NumberOf(turn.Parameters));
        tables.Segments.Write(output, turn.Input);
        output.Payload.Bytes(turn.Partial.Span);
        if (turn.Ending is { } ending)
        {
            tables.Segments.Write(output, turn.End);
            RecordCodec.WriteEnding(ending, output.Payload);
            output.Payload.Bytes(turn.Shape.Span);
            WriteCalls(output, turn.OpenCalls);
        }
        else
        {
            WriteUnfinished(output, turn);
        }
    }

    public static MovedTurn Read(ref SnapshotReader input, MovedTables tables)
    {
        var flags = (TurnFlags)input.Payload.Int();
        var isStored = flags.HasFlag(TurnFlags.Stored);
        var tag = flags.HasFlag(TurnFlags.Tagged) ? TagOf(input.Payload.Int()) : 0;
        var (id, holder) = isStored
            ? (TurnId.Stored(tables.Turns.Count + 1, tag), 0L)
            : (TurnId.Unstored(input.Payload.Word128()), input.Payload.Number());
        var isKept = flags.HasFlag(TurnFlags.Kept);
        var turn = new Turn
        {
            Id = id,
            Lease = isKept ? default : new LeaseId((ulong)holder),
            Parent = At(tables.Turns, input.Payload.Int() - 1)?.Turn,
            RequestId = input.Payload.Word128(),
            CreatedAt = input.Payload.Number(),
            Dialect = (EventDialect)input.Payload.Int(),
            Parameters = At(tables.Parameters.Sets, input.Payload.Int()) ?? throw new FormatException("no parameters"),
            Generate = flags.HasFlag(TurnFlags.Generate),
            IsRecognised = flags.HasFlag(TurnFlags.Recognised),
            ContinuesInput = flags.HasFlag(TurnFlags.ContinuesInput),
            IsHidden = flags.HasFlag(TurnFlags.Hidden),
            Input = SegmentTable.Read(ref input, tables.Segments),
            Partial = input.Payload.Bytes(),
        };
        if (flags.HasFlag(TurnFlags.Ended))
        {
            ReadEnd(ref input, turn, tables.Segments);
        }
        else
        {
            ReadUnfinished(ref input, turn);
        }

        return new MovedTurn(turn, new MovedPlace(flags.HasFlag(TurnFlags.OfRequest),
            isKept ? new DateTimeOffset(holder, TimeSpan.Zero) : null));
    }

    private static TurnFlags FlagsOf(Turn turn, MovedPlace place)
    {
        TurnFlags If(bool holds, TurnFlags flag) => holds ? flag : TurnFlags.None;
        return If(turn.Id.IsStored, TurnFlags.Stored) | If(turn.IsHidden, TurnFlags.Hidden) |
            If(turn.Generate, TurnFlags.Generate) | If(place.IsOfRequest, TurnFlags.OfRequest) |
            If(turn.Ending is not null, TurnFlags.Ended) | If(turn.Id.Tag != 0, TurnFlags.Tagged) |
            If(turn.IsRecognised, TurnFlags.Recognised) | If(turn.ContinuesInput, TurnFlags.ContinuesInput) |
            If(place.KeptUntil is not null, TurnFlags.Kept);
    }

    private static int TagOf(int value) =>
        value is > 0 and < TurnId.TagsMax ? value : throw new FormatException("a turn's tag is none");

    private static T? At<T>(IReadOnlyList<T> list, int index)
        where T : class =>
        index == -1 ? null
            : index >= 0 && index < list.Count ? list[index]
            : throw new FormatException($"{index} is not among the {list.Count} before it");

    private static void ReadEnd(ref SnapshotReader input, Turn turn, List<Segment> segments)
    {
        turn.End = SegmentTable.Read(ref input, segments);
        turn.Ending = RecordCodec.ReadEnding(ref input.Payload);
        turn.Shape = input.Payload.Bytes();
        turn.OpenCalls = ReadCalls(ref input);
        (turn.Digest, turn.Status) = (turn.End.Digest, TurnStatus.Ended);
        if (turn.End.Length < turn.Input.Length)
        {
            throw new FormatException("a turn ends before its input");
        }

        turn.Output.AddRange(turn.End.Backwards().Take(turn.End.Length - turn.Input.Length).Select(item => item.Json));
        turn.Output.Reverse();
    }

    // A turn that runs elsewhere, or nowhere any more: what the journal has of it so far.
    private static void WriteUnfinished(SnapshotWriter output, Turn turn)
    {
        output.Payload.Number(turn.Output.Count);
        foreach (var json in turn.Output)
        {
            output.Payload.Bytes(json.Span);
        }

        output.Payload.Flag(turn.Names is not null);
        if (turn.Names is { } names)
        {
            RecordCodec.Write(names, output.Payload);
        }
    }

    private static void ReadUnfinished(ref SnapshotReader input, Turn turn)
    {
        turn.Status = TurnStatus.Running;
        for (var left = input.Payload.Count(); left > 0; left--)
        {
            turn.Output.Add(input.Payload.Bytes());
        }

        turn.Names = input.Payload.Flag() ? RecordCodec.ReadNamed(ref input.Payload) : null;
    }

    private static void WriteCalls(SnapshotWriter output, IReadOnlyDictionary<string, string> calls)
    {
        output.Payload.Number(calls.Count);
        foreach (var (callId, type) in calls)
        {
            output.Payload.Text(callId);
            output.Text(type);
        }
    }

    private static IReadOnlyDictionary<string, string> ReadCalls(ref SnapshotReader input)
    {
        var left = input.Payload.Count();
        if (left == 0)
        {
            return CallLedger.Nothing;
        }

        var calls = new Dictionary<string, string>(StringComparer.Ordinal);
        for (; left > 0; left--)
        {
            calls[input.Payload.Text()] = input.Text();
        }

        return calls;
    }
}

/// <summary>What is so of a turn or not.</summary>
[Flags]
internal enum TurnFlags
{
    /// <summary>None of it.</summary>
    None = 0,

    /// <summary>It is in the journal.</summary>
    Stored = 1,

    /// <summary>Its id is no longer to be found.</summary>
    Hidden = 2,

    /// <summary>It is no warm-up.</summary>
    Generate = 4,

    /// <summary>Its request finds it.</summary>
    OfRequest = 8,

    /// <summary>It has ended.</summary>
    Ended = 16,

    /// <summary>Its id has a tag; from version 2 of a snapshot on.</summary>
    Tagged = 32,

    /// <summary>The server found its parent. A build that does not know this shows the parent's id.</summary>
    Recognised = 64,

    /// <summary>Only histories may continue it. A build that does not know this lets it go.</summary>
    Kept = 128,

    /// <summary>It continues its parent's input alone. Its branches are in the snapshot all the same.</summary>
    ContinuesInput = 256,
}

/// <summary>What a snapshot names by number while it is written.</summary>
internal sealed record SnapshotTables(TurnTable Turns, SegmentTable Segments, ParameterTable Parameters);

/// <summary>What a snapshot names by number while it is read.</summary>
internal sealed record MovedTables(List<Segment> Segments, MovedParameters Parameters, List<MovedTurn> Turns);

/// <summary>A turn of a snapshot.</summary>
/// <param name="Turn">The turn.</param>
/// <param name="Place">How it is found.</param>
internal sealed record MovedTurn(Turn Turn, MovedPlace Place);

/// <summary>How a turn is found.</summary>
/// <param name="IsOfRequest">Whether its request finds it.</param>
/// <param name="KeptUntil">When it goes, if only histories may continue it; null: it is another turn.</param>
internal readonly record struct MovedPlace(bool IsOfRequest, DateTimeOffset? KeptUntil);
