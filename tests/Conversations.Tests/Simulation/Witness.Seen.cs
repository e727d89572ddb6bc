using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Tests.Simulation;

/// <content>What left a host: ids, events, response objects, refusals.</content>
internal sealed partial class Witness
{
    /// <summary>How often an activation that had not read all of the journal answered as of an earlier time.</summary>
    public int StaleViews { get; private set; }

    /// <summary>A host said that a create became a turn.</summary>
    public void Started(Errand errand, ResponseId id)
    {
        Check(id.Turn.IsStored == errand.IsStored, Invariant.UnstoredStaysOut, $"{errand} became {id}");
        CheckRight(errand);
        if (errand.IsStored)
        {
            var facts = FactsOf(errand);
            Check(facts is not null || errand.DeleteAskedAt > 0, Invariant.StartIsDurable,
                $"{errand} is answered and not stored");
            // After all of a conversation was deleted, a late answer to a create that began it anew names the old turn.
            Check(facts is null || facts.Number == id.Turn.Number || errand.IsForgotten, Invariant.IdsNameOneTurn,
                $"{errand} is said to be {id} and stored as {facts?.Number}");
        }

        errand.Id = id;
        Name(id, errand, LogOf(errand.Key).Deletions > 0);
    }

    /// <summary>Events of a turn left a conversation, for a reader that asked from a number on.</summary>
    public void Read(Errand errand, int from, in ReadStep step)
    {
        for (var i = 0; i < step.Events.Count; i++)
        {
            var json = step.Events[i];
            agenda.Trace.Mix(json.Span);
            if (errand.IsForgotten)
            {
                continue;
            }

            var number = WireText.NumberOf(json.Span);
            Check(number == from + i, Invariant.NumbersOnce, $"{errand}: {number} where {from + i} was asked for");
            if (WireText.TypeOf(json.Span) is var type &&
                (type.SequenceEqual("response.completed"u8) || type.SequenceEqual("response.failed"u8) ||
                type.SequenceEqual("response.incomplete"u8)))
            {
                SeeEnd(errand, number, json);
                Check(i == step.Events.Count - 1 && step.IsLast, Invariant.OneTerminalEvent,
                    $"{errand}: something follows {number}");
            }
            else
            {
                SeeEvent(errand, number, json);
            }
        }
    }

    /// <summary>A host showed a response object.</summary>
    public void Shown(Errand errand, ReadOnlyMemory<byte> response, long askedAt, bool isBehind = false)
    {
        agenda.Trace.Mix(response.Span);
        if (errand.IsForgotten)
        {
            return;
        }

        if (WireText.StatusOf(response.Span) != "in_progress")
        {
            Check(isBehind || errand.DeletedAt == 0 || errand.DeletedAt > askedAt, Invariant.DeletedStaysDeleted,
                $"{errand} is shown");
            var (outcome, metadata) = WireText.TakeMetadata(response);
            SeeMetadata(errand, metadata, isBehind);
            SeeOutcome(errand, outcome);
            return;
        }

        var isOld = errand.Seen.EndedAt > 0 && errand.Seen.EndedAt < askedAt;
        Check(!isOld || isBehind, Invariant.SameOutcome, $"{errand} is shown running and was seen to end");
        StaleViews += isOld ? 1 : 0;
        if (errand.IsStored)
        {
            Check(FactsOf(errand) is not null || errand.DeleteAskedAt > 0, Invariant.StartIsDurable,
                $"{errand} is shown and not stored");
        }
    }

    /// <summary>A host said that a turn has this metadata now.</summary>
    public void Changed(Errand errand, byte[] metadata) =>
        Check(errand.DeleteAskedAt > 0 || FactsOf(errand) is not { } facts ||
            facts.Metadata.Exists(given => given.Span.SequenceEqual(metadata)), Invariant.ChangeIsDurable,
            $"{errand} is said to have metadata that is not stored");

    /// <summary>A host said that a turn is not found.</summary>
    public void NotFound(Errand errand, long askedAt, bool isBehind)
    {
        if (isBehind)
        {
            StaleViews++;
            return;
        }

        if (errand.IsStored && errand.DeleteAskedAt == 0 && FactsOf(errand) is { } facts)
        {
            Check(facts.StartedAt > askedAt, Invariant.TurnIsKept, $"{errand} is not found");
        }
    }

    /// <summary>A refusal may have been given as of an earlier time.</summary>
    public void Stale(bool isBehind) => StaleViews += isBehind ? 1 : 0;

    /// <summary>A create was refused for good.</summary>
    public void Refused(Errand errand, Refusal refusal, long askedAt)
    {
        if (FactsOf(errand) is { } facts && errand.DeleteAskedAt == 0)
        {
            Check(facts.StartedAt > askedAt, Invariant.TurnIsKept,
                $"{errand} is stored and refused: {refusal.Message}");
        }

        // It may answer a call of any turn before it, and a turn that was begun anew made other calls.
        if (errand is { IsWrong: false, Parent: { IsStored: true, DeleteAskedAt: 0 } parent } &&
            !parent.IsBehindForgotten)
        {
            Check(!errand.KnowsParent || refusal.Kind == RefusalKind.Conflict, Invariant.TurnIsKept,
                $"{errand} may not continue {parent}: {refusal.Message}");
        }
    }

    /// <summary>A model is called for a turn.</summary>
    public void Called(Errand errand, ModelCall call)
    {
        if (errand.History is { } history)
        {
            Check(call.Context.ItemCount == history.Count, Invariant.ContextOfBranch,
                $"{errand} has {call.Context.ItemCount} of {history.Count} items");
            return;
        }

        var parent = errand.Parent is { } before ? FactsOf(before) : null;
        if ((errand.Parent is not null && parent is null) || LogOf(errand.Key).Deletions > 0)
        {
            return;
        }

        var chain = parent?.Chain ?? 0;
        foreach (var item in errand.Items)
        {
            chain = SimulatedBackend.Behind(chain, item);
        }

        Check((ulong)(call.Context.State ?? 0UL) == chain, Invariant.ContextOfBranch,
            $"{errand}: {call.Context.ItemCount} items, {call.NewItems} new");
        Check(call.Context.ItemCount == (parent?.Items ?? 0) + errand.Items.Count &&
            call.NewItems == errand.Items.Count, Invariant.ContextOfBranch,
            $"{errand} has {call.Context.ItemCount} items");
    }

    private void SeeEvent(Errand errand, int number, ReadOnlyMemory<byte> json)
    {
        var seen = errand.Seen;
        Check(seen.Last < 0 || number < seen.Last, Invariant.OneTerminalEvent,
            $"{errand}: event {number} behind the last, {seen.Last}");
        while (seen.Events.Count <= number)
        {
            seen.Events.Add(null);
        }

        if (seen.Events[number] is { } known)
        {
            Check(known.Span.SequenceEqual(json.Span), Invariant.SameEvents, $"{errand}: event {number}");
            return;
        }

        seen.Events[number] = json;
        if (!errand.IsStored)
        {
            return;
        }

        var facts = FactsOf(errand);
        Check(facts is not null || errand.DeleteAskedAt > 0, Invariant.StartIsDurable,
            $"event {number} of {errand} is read and the turn not stored");
        if (facts is not null && WireText.TypeOf(json.Span).SequenceEqual("response.output_item.done"u8) &&
            WireText.CallId(json.Span) is not null)
        {
            var index = WireText.OutputIndexOf(json.Span);
            Check(index < facts.Output.Count && json.Span.IndexOf(facts.Output[index].Span) >= 0,
                Invariant.CallIsDurable, $"output {index} of {errand}");
        }
    }

    private void SeeEnd(Errand errand, int number, ReadOnlyMemory<byte> json)
    {
        SeeOutcome(errand, WireText.ResponseOf(json));
        var seen = errand.Seen;
        var facts = FactsOf(errand);
        if (facts is { IsCut: true })
        {
            return;
        }

        Check((seen.Last < 0 && seen.Events.Count <= number) || seen.Last == number, Invariant.OneTerminalEvent,
            $"{errand}: the end is {number}, was {seen.Last}, {seen.Events.Count} events were read");
        seen.Last = number;
    }

    private void SeeMetadata(Errand errand, ReadOnlyMemory<byte> metadata, bool isBehind)
    {
        if (errand.DeleteAskedAt > 0 || FactsOf(errand) is not { } facts)
        {
            return;
        }

        var at = facts.Metadata.FindLastIndex(given => given.Span.SequenceEqual(metadata.Span));
        Check(at >= 0 || metadata.Length == "{}".Length, Invariant.ChangeIsDurable, $"{errand} shows other metadata");
        Check(isBehind || at == facts.Metadata.Count - 1, Invariant.ChangeIsDurable, $"{errand} shows old metadata");
    }

    private void SeeOutcome(Errand errand, ReadOnlyMemory<byte> response)
    {
        var seen = errand.Seen;
        if (errand.IsStored && FactsOf(errand) is var facts && errand.DeleteAskedAt == 0)
        {
            Check(facts is not null, Invariant.StartIsDurable, $"{errand} is seen to end and not stored");
            Check(facts?.Finished is not null, Invariant.EndIsDurable, $"{errand} is seen to end and is open");
            Check(WireText.StatusOf(response.Span) == StatusOf(facts!.Finished!.Ending.Outcome),
                Invariant.SameOutcome, $"{errand} ended as {facts.Finished.Ending.Outcome}");
        }

        if (seen.Outcome.IsEmpty)
        {
            (seen.Outcome, seen.EndedAt) = (response, agenda.Tick());
            errand.Calls = CallsOf(errand, response);
            return;
        }

        Check(seen.Outcome.Span.SequenceEqual(response.Span), Invariant.SameOutcome, $"{errand} ends differently");
    }

    // An output item has its call id once, and nothing else of a response object does.
    private static List<MadeCall> CallsOf(Errand errand, ReadOnlyMemory<byte> response)
    {
        var calls = new List<MadeCall>();
        var rest = response.Span;
        while (rest.IndexOf("\"call_id\":\""u8) is >= 0 and var at)
        {
            calls.Add(WireText.CallOf(rest[at..], errand.IsSlowAsync)!.Value);
            rest = rest[(at + 1)..];
        }

        Check(calls.Count < 64, Invariant.CallsAnsweredOnce, $"{errand} makes {calls.Count} calls");
        return calls;
    }

    private static string StatusOf(TurnOutcome outcome) => outcome switch
    {
        TurnOutcome.Completed => "completed",
        TurnOutcome.Incomplete => "incomplete",
        TurnOutcome.Cancelled => "cancelled",
        _ => "failed",
    };
}
