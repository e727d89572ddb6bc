using System.Buffers;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Moving;

/// <summary>A conversation's state as bytes, for another process. The parts' formats are beside it.</summary>
/// <param name="state">The state that is written, or that takes over what was written.</param>
/// <param name="key">Whose conversation, and which.</param>
/// <param name="models">The backends whose renderings move.</param>
internal sealed class ConversationSnapshot(ConversationState state, ConversationKey key, ModelCatalog models)
{
    /// <summary>Writes all of it.</summary>
    public void Write(IBufferWriter<byte> writer)
    {
        var tables = new SnapshotTables(
            new TurnTable(state.Turns, state.Kept), new SegmentTable(), new ParameterTable(state.Parameters));
        foreach (var turn in tables.Turns.All)
        {
            tables.Segments.Add(turn.Input);
            tables.Segments.Add(turn.End);
            tables.Parameters.Add(turn.Parameters);
        }

        var output = new SnapshotWriter(writer, models);
        var hasTags = tables.Turns.All.Any(static turn => turn.Id.Tag != 0);
        output.Payload.Rest([hasTags ? SnapshotWriter.TagsVersion : SnapshotWriter.FirstVersion]);
        WriteHead(output);
        tables.Parameters.Write(output);
        SegmentFormat.Write(output, tables.Segments);
        output.Payload.Number(tables.Turns.All.Count);
        foreach (var turn in tables.Turns.All)
        {
            var place = new MovedPlace(state.Turns.IsOfRequest(turn), state.Kept.EndOf(turn));
            TurnFormat.Write(output, turn, place, tables);
        }

        output.End();
    }

    /// <summary>Takes over what was written, into an empty state.</summary>
    /// <exception cref="FormatException">
    /// It is another conversation's, another version's, or damaged. Nothing was taken over.
    /// </exception>
    public void Take(ReadOnlyMemory<byte> snapshot, DateTimeOffset now)
    {
        try
        {
            Take(new SnapshotReader(snapshot, models), now);
        }
        catch (Exception e) when (e is not FormatException)
        {
            throw new FormatException("The snapshot is damaged: " + e.Message, e);
        }
    }

    private void WriteHead(SnapshotWriter output)
    {
        output.Payload.Text(key.Tenant);
        output.Payload.Word128(key.Id.Value);
        output.Payload.Number(state.Outbox.End.Position);
        output.Payload.Number((long)state.Outbox.End.LastWriter);
        output.Payload.Flag(state.Turns.HasDeletions);
        output.Payload.Number(state.Leases.Count);
        foreach (var (lease, endsAt) in state.Leases.All)
        {
            output.Payload.Number((long)lease.Value);
            output.Payload.Number(endsAt.UtcTicks);
        }
    }

    private void Take(SnapshotReader input, DateTimeOffset now)
    {
        if (input.Payload.Text() != key.Tenant || input.Payload.Word128() != key.Id.Value)
        {
            throw new FormatException("the snapshot is another conversation's");
        }

        var end = new JournalEnd(input.Payload.Number(), (ulong)input.Payload.Number());
        var hasDeletions = input.Payload.Flag();
        var leases = new List<(LeaseId Lease, DateTimeOffset EndsAt)>();
        for (var left = input.Payload.Count(); left > 0; left--)
        {
            leases.Add((new LeaseId((ulong)input.Payload.Number()), new(input.Payload.Number(), TimeSpan.Zero)));
        }

        var parameters = ParameterTable.Read(ref input);
        var tables = new MovedTables(SegmentFormat.Read(ref input), parameters, []);
        for (var left = input.Payload.Count(); left > 0; left--)
        {
            tables.Turns.Add(TurnFormat.Read(ref input, tables));
        }

        CheckWhole(tables, end, input.Payload.IsAtEnd);

        // From here on nothing fails: what is damaged leaves the activation as empty as it was.
        state.Outbox.Moved(end);
        state.Turns.HasDeletions = hasDeletions;
        leases.ForEach(lease => state.Leases.TakeOver(lease.Lease, lease.EndsAt, now));
        parameters.Held.ToList().ForEach(state.Parameters.AddMoved);
        tables.Turns.ForEach(moved => state.Turns.AddMoved(moved.Turn, moved.Place.IsOfRequest));
        foreach (var kept in tables.Turns.Where(static moved => moved.Place.KeptUntil is not null)
            .OrderBy(static moved => moved.Place.KeptUntil))
        {
            state.Kept.TakeOver(kept.Turn, kept.Place.KeptUntil!.Value, now);
        }

        tables.Segments.ForEach(state.Counts.Add);
        tables.Segments.ForEach(state.Renderings.Hold);
        foreach (var moved in tables.Turns)
        {
            state.Counts.AddTurn();
            state.Counts.AddShape(moved.Turn.Shape.Length);
        }
    }

    private static void CheckWhole(MovedTables tables, JournalEnd end, bool isAtEnd)
    {
        var stored = tables.Turns.TakeWhile(moved => moved.Turn.Id.IsStored).Count();
        var others = tables.Turns.Skip(stored).Select(moved => moved.Turn).ToList();
        if (!isAtEnd || end.Position < 0 || others.Exists(turn => turn.Id.IsStored) ||
            others.DistinctBy(turn => turn.Id).Count() < others.Count)
        {
            throw new FormatException("the snapshot does not hold what it says");
        }
    }
}
