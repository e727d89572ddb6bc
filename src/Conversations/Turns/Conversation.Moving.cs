using System.Buffers;
using System.Text.Json;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Moving;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Turns;

/// <content>Moving to another process with all that is held here; the formats are in <c>Moving/</c>.</content>
public sealed partial class Conversation
{
    /// <summary>
    /// Writes all that this activation holds, unstored turns and renderings too. It changes nothing: whoever moves the
    /// conversation drops this activation. Readers do not move, they ask again.
    /// </summary>
    /// <exception cref="InvalidOperationException">
    /// It is not at rest (<see cref="IsAtRest"/>), or it is over (<see cref="IsLost"/>, <see cref="IsDeleted"/>).
    /// </exception>
    public void Dehydrate(IBufferWriter<byte> writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        if (!IsAtRest || IsLost || IsDeleted)
        {
            throw new InvalidOperationException("A conversation moves only while it is at rest.");
        }

        var tables = new SnapshotTables(new TurnTable(_turns), new SegmentTable(), new ParameterTable(_parameters));
        foreach (var turn in tables.Turns.All)
        {
            tables.Segments.Add(turn.Input);
            tables.Segments.Add(turn.End);
            tables.Parameters.Add(turn.Parameters);
        }

        var output = new SnapshotWriter(writer, _models);
        output.Payload.Rest([SnapshotWriter.Version]);
        WriteHead(output);
        tables.Parameters.Write(output);
        SegmentFormat.Write(output, tables.Segments);
        output.Payload.Number(tables.Turns.All.Count);
        foreach (var turn in tables.Turns.All)
        {
            TurnFormat.Write(output, turn, _turns.IsOfRequest(turn), tables);
        }

        output.End();
    }

    /// <summary>
    /// Takes over what <see cref="Dehydrate"/> wrote, into a new activation before any other input. Nothing is
    /// rendered, validated or read from the journal for it. The host takes the effects after it.
    /// </summary>
    /// <param name="snapshot">What was written; the conversation keeps it and nobody may write to it again.</param>
    /// <param name="now">
    /// The time: leases end when they would have ended, but no later than if they were renewed now.
    /// </param>
    /// <exception cref="FormatException">
    /// It is another conversation's, another version's, or damaged. Nothing was taken over: read the journal instead.
    /// </exception>
    public void Rehydrate(ReadOnlyMemory<byte> snapshot, DateTimeOffset now)
    {
        if (!IsEmpty || _turns.Stored.Count > 0 || _turns.HasUnstored)
        {
            throw new InvalidOperationException("Only a new activation takes over what another one held.");
        }

        try
        {
            Take(new SnapshotReader(snapshot, _models), now);
        }
        catch (Exception e) when (e is not FormatException)
        {
            throw new FormatException("The snapshot is damaged: " + e.Message, e);
        }
    }

    private void WriteHead(SnapshotWriter output)
    {
        output.Payload.Text(_key.Tenant);
        output.Payload.Word128(_key.Id.Value);
        output.Payload.Number(_outbox.End.Position);
        output.Payload.Number((long)_outbox.End.LastWriter);
        output.Payload.Flag(_hasDeletions);
        output.Payload.Number(_leases.All.Count);
        foreach (var (lease, endsAt) in _leases.All)
        {
            output.Payload.Number((long)lease.Value);
            output.Payload.Number(endsAt.UtcTicks);
        }
    }

    private void Take(SnapshotReader input, DateTimeOffset now)
    {
        if (input.Payload.Text() != _key.Tenant || input.Payload.Word128() != _key.Id.Value)
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
        _outbox.Moved(end);
        _hasDeletions = hasDeletions;
        leases.ForEach(lease => _leases.TakeOver(lease.Lease, lease.EndsAt, now));
        parameters.Held.ToList().ForEach(_parameters.AddMoved);
        tables.Turns.ForEach(moved => _turns.AddMoved(moved.Turn, moved.IsOfRequest));
        tables.Segments.ForEach(CountBytes);
        _itemBytes += tables.Turns.Sum(moved => moved.Turn.Shape.Length);
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

    private void CountBytes(Segment segment)
    {
        for (var i = 0; i < segment.Count; i++)
        {
            CountBytes(segment.ItemAt(i));
        }
    }
}
