using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;

namespace Evergrain.Conversations.Turns;

/// <summary>
/// Applies the journal's records to what is held: those of live turns once they are durable, others as recovery reads
/// them.
/// </summary>
internal sealed class RecordApplier(ConversationState state)
{
    private readonly List<ReadOnlyMemory<byte>> _stagedInput = [];

    /// <summary>Applies one append of the journal, in order, before any other input.</summary>
    /// <exception cref="JournalCorruptException">It holds what no writer of ours wrote.</exception>
    public void Recover(JournalEntry entry)
    {
        state.Outbox.Recovered(entry);
        foreach (var record in RecordFrames.Read(entry.Records, state.Owner))
        {
            try
            {
                Apply(record);
            }
            catch (Exception e) when (e is FormatException or ConversationException or ArgumentOutOfRangeException)
            {
                throw new JournalCorruptException(0, $"{record.Kind} in append {entry.Position}: {e.Message}");
            }
        }
    }

    /// <summary>Applies records of live turns that are durable now.</summary>
    /// <param name="records">The records.</param>
    /// <param name="effects">Takes the ends of turns that histories may continue.</param>
    public void ApplyAll(IReadOnlyList<Record> records, List<Effect> effects)
    {
        foreach (var record in records)
        {
            Apply(record);
        }

        if (state.Recognises)
        {
            TurnHistory.Note(state, records, effects);
        }
    }

    /// <summary>A turn's input becomes part of its branch, and the turn is seen.</summary>
    public void ApplyStarted(Turn turn, IReadOnlyList<PreparedItem> input)
    {
        turn.Input = turn.Continues.Branch.Append(input, turn.Id.IsStored);
        turn.Status = TurnStatus.Running;
        state.Counts.AddTurn();
        state.Counts.Add(input);
    }

    /// <summary>A turn's output becomes part of its branch, and the turn may be continued.</summary>
    /// <exception cref="FormatException">The items do not have the digest that the turn ended with.</exception>
    public void ApplyFinished(Turn turn, TurnFinished finished)
    {
        var (output, calls) = turn.Live is { } live
            ? (live.Proposal.Items.Skip(live.InputCount).ToList(), live.Calls)
            : RecoveredOutput(turn);
        turn.End = turn.Input.Append(output, turn.Id.IsStored);
        if (turn.End.Digest != finished.Digest)
        {
            throw new FormatException($"the digest of turn {turn.Id} does not match its items");
        }

        if (!turn.Id.IsStored && state.Kept.IsOn)
        {
            // The turns behind it may go sooner, and their items with them.
            turn.End.Segment?.Seal();
        }

        turn.OpenCalls = calls.Count > 0 ? calls : CallLedger.Nothing;
        (turn.Ending, turn.Shape, turn.Digest) = (finished.Ending, finished.Shape, finished.Digest);
        (turn.Status, turn.Live, turn.OrphanedAt) = (TurnStatus.Ended, null, null);
        state.Counts.Add(output);
        state.Counts.AddShape(finished.Shape.Length);
    }

    private void Apply(Record record)
    {
        switch (record)
        {
            case ValueHeld value:
                ApplyValue(value);
                break;
            case InputHeld input:
                _stagedInput.Add(input.Json);
                break;
            case TurnStarted started:
                ApplyStarted(started);
                break;
            case OutputHeld output:
                ApplyOutput(Known(output.Turn), output);
                break;
            case OutputNamed named:
                Known(named.Turn).Names = named;
                break;
            case TurnFinished finished:
                ApplyFinished(Known(finished.Turn), finished);
                break;
            case TurnDeleted deleted:
                state.Turns.Delete(Known(deleted.Turn));
                break;
        }
    }

    private void ApplyValue(ValueHeld value)
    {
        state.Parameters.Apply(value.Number, value.Field, value.Json);
        if (value.Turn > 0)
        {
            var turn = Known(value.Turn);
            turn.Parameters = turn.Parameters.With(state.Parameters.ByNumber(value.Number));
        }
    }

    private Turn Known(int number) =>
        state.Turns.ByNumber(number) ?? throw new FormatException($"turn {number} did not start");

    private void ApplyStarted(TurnStarted started)
    {
        if (state.Turns.ByNumber(started.Turn) is { Live: { } live } proposed)
        {
            ApplyStarted(proposed, live.Proposal.Items.Take(live.InputCount).ToList());
        }
        else
        {
            var recovered = Recovered(started);
            ApplyStarted(recovered, RecoveredInput(started, recovered.Continues.Branch));
        }

        _stagedInput.Clear();
    }

    private Turn Recovered(TurnStarted started)
    {
        if (started.Turn != state.Turns.NextNumber)
        {
            throw new FormatException($"turn {started.Turn} follows turn {state.Turns.NextNumber - 1}");
        }

        var turn = new Turn
        {
            Id = TurnId.Stored(started.Turn, started.Tag),
            Parent = started.Parent == 0 ? null : Known(started.Parent),
            ContinuesInput = started.ContinuesInput,
            RequestId = started.RequestId,
            CreatedAt = started.CreatedAt,
            Parameters = state.Parameters.ByNumbers(started.Values),
            Dialect = started.Dialect,
            Generate = started.Generate,
            IsRecognised = started.IsRecognised,
        };
        state.Turns.Add(turn);
        return turn;
    }

    private IReadOnlyList<PreparedItem> RecoveredInput(TurnStarted started, Branch branch)
    {
        if (_stagedInput.Count != started.InputCount)
        {
            throw new FormatException($"turn {started.Turn} has {_stagedInput.Count} of {started.InputCount} items");
        }

        var proposal = new Proposal(branch, null);
        foreach (var json in _stagedInput)
        {
            proposal.Add(json);
        }

        state.Counts.Recovered += _stagedInput.Count;
        return proposal.Items;
    }

    /// <summary>A turn's output as the journal has it, and its calls.</summary>
    private (IReadOnlyList<PreparedItem> Items, Dictionary<string, string> Calls) RecoveredOutput(Turn turn)
    {
        var proposal = new Proposal(turn.Input, null);
        var calls = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var i = 0; i < turn.Output.Count; i++)
        {
            var id = turn.Names?.Ids.ElementAtOrDefault(i);
            var head = proposal.Add(turn.Output[i], id is null ? null : new ItemOrigin(turn.Names!.Rendering, id));
            CallLedger.AddCall(calls, head);
        }

        state.Counts.Recovered += turn.Output.Count;
        return (proposal.Items, calls);
    }

    private static void ApplyOutput(Turn turn, OutputHeld output)
    {
        if (output.IsPartial)
        {
            turn.Partial = output.Json;
            return;
        }

        if (output.Index != turn.Output.Count)
        {
            throw new FormatException($"output {output.Index} of turn {output.Turn} follows {turn.Output.Count - 1}");
        }

        turn.Output.Add(output.Json);
    }
}
