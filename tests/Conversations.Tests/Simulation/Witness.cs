using System.Runtime.CompilerServices;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Items;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Record = Evergrain.Conversations.Records.Record;

namespace Evergrain.Conversations.Tests.Simulation;

/// <summary>
/// The reference model, as simple as can be: what the journal holds, append by append, and what was asked for. It
/// checks every append as it is stored. <c>Witness.Seen</c> checks what leaves a host against that.
/// </summary>
internal sealed partial class Witness(Agenda agenda, SimulatedIndex histories)
{
    /// <summary>Stands in everything of an unstored turn, and must not be found in the journal.</summary>
    public const string UnstoredMarker = "NOT-TO-BE-STORED";

    private const int RecordOverheadBytes = 256;
    private static readonly byte[] MarkerBytes = [.. UnstoredMarker.Select(letter => (byte)letter)];

    private readonly Dictionary<ConversationKey, LogFacts> _logs = [];
    private readonly Dictionary<UInt128, Errand> _errands = [];
    private readonly Dictionary<UInt128, TurnFacts> _facts = [];
    private readonly Dictionary<ResponseId, Errand> _named = [];

    /// <summary>Notes a create that was made.</summary>
    public void Made(Errand errand) => _errands.Add(errand.RequestId, errand);

    public LogFacts LogOf(ConversationKey key)
    {
        if (!_logs.TryGetValue(key, out var log))
        {
            _logs.Add(key, log = new LogFacts(key));
        }

        return log;
    }

    public int ChangesOf(ConversationKey key) => LogOf(key).Changes;

    /// <summary>The turn that the journal holds for an errand; null if it holds none.</summary>
    public TurnFacts? FactsOf(Errand errand) => _facts.GetValueOrDefault(errand.RequestId);

    /// <summary>A log was deleted as a whole.</summary>
    public void Deleted(ConversationKey key, JournalEnd end)
    {
        var log = LogOf(key);
        if (log.End.Position > 0 && log.End != end)
        {
            throw new BrokenInvariantException(Invariant.AppendsStandAtTheEnd, $"deleted at {end}, ends at {log.End}");
        }

        foreach (var turn in log.Turns)
        {
            if (!turn.IsDeleted)
            {
                throw new BrokenInvariantException(Invariant.TurnIsKept, $"{turn.Errand} went with its journal");
            }

            _facts.Remove(turn.Started.RequestId);
            turn.Errand.IsForgotten = true;
        }

        log.Turns.Clear();
        (log.End, log.Deletions, log.Changes) = (JournalEnd.None, log.Deletions + 1, log.Changes + 1);
    }

    /// <summary>An append was stored.</summary>
    public void Appended(ConversationKey key, JournalEnd end, JournalEntry entry)
    {
        var log = LogOf(key);
        if (log.End != end)
        {
            throw new BrokenInvariantException(Invariant.AppendsStandAtTheEnd,
                $"{entry.Writer:x4} wrote at {end}, the log ends at {log.End}");
        }

        if (entry.Records.Span.IndexOf(MarkerBytes) >= 0)
        {
            throw new BrokenInvariantException(Invariant.UnstoredStaysOut, $"append {entry.Position} of {key.Id}");
        }

        var records = RecordFrames.Read(entry.Records, new RecordOwner(key));
        var takesOver = log.End.Position > 0 && log.End.LastWriter != entry.Writer;
        Check(!takesOver || records[0] is Claimed, Invariant.TakeoverClaims,
            $"{entry.Writer:x4} writes after {log.End.LastWriter:x4}, its first record is {records[0].Kind}");
        var content = 0;
        var input = new List<InputHeld>();
        foreach (var record in records)
        {
            content += Apply(log, entry, record, input);
        }

        Check(!takesOver || log.Open.All(turn => turn.Writer == entry.Writer), Invariant.TakeoverClaims,
            $"turns of another activation than {entry.Writer:x4} stay open");
        Check(entry.Records.Length <= content + (records.Count * RecordOverheadBytes), Invariant.BytesOfOwnItems,
            $"{entry.Records.Length} bytes for {content} of content");
        (log.End, log.Changes) = (JournalEnd.Behind(entry), log.Changes + 1);
    }

    private int Apply(LogFacts log, JournalEntry entry, Record record, List<InputHeld> input)
    {
        switch (record)
        {
            case ValueHeld value:
                Give(log, value);
                return value.Json.Length;
            case InputHeld held:
                input.Add(held);
                return held.Json.Length;
            case TurnStarted started:
                Start(log, entry, started, input);
                input.Clear();
                return started.Values.Count * sizeof(int);
            case OutputHeld output:
                Keep(Turn(log, output.Turn), entry, output);
                return output.Json.Length;
            case TurnFinished finished:
                return End(log, Turn(log, finished.Turn), entry, finished);
            case TurnDeleted deleted:
                Delete(log, Turn(log, deleted.Turn));
                return 0;
            default:
                return 0;
        }
    }

    // What is wrong behind a turn may be right behind another that has its id, once all of a conversation was deleted.
    private static void CheckRight(Errand errand) => Check(!errand.IsWrong || errand.Parent is { IsForgotten: true },
        Invariant.CallsAnsweredOnce, $"{errand} should have been refused");

    private void Start(LogFacts log, JournalEntry entry, TurnStarted started, List<InputHeld> input)
    {
        Check(started.Turn == log.Turns.Count + 1, Invariant.TurnsInOrder,
            $"turn {started.Turn} begins behind {log.Turns.Count}");
        var errand = _errands.GetValueOrDefault(started.RequestId) ??
            throw new BrokenInvariantException(Invariant.InputAsSent, $"nobody asked for {started.RequestId}");
        Check(!_facts.ContainsKey(started.RequestId), Invariant.OneTurnPerRequest,
            $"{errand} is stored again as {started.Turn}");
        Check(errand.IsStored, Invariant.UnstoredStaysOut, $"{errand} was not to be stored");
        Check(!errand.IsKeyed || !log.Turns.Exists(turn => turn.Errand.RequestId >> 64 == errand.RequestId >> 64),
            Invariant.KeyMeansOneCreate, $"{errand}");
        var parent = started.Parent == 0 ? null : Turn(log, started.Parent);
        Check(parent is null or { Finished: not null }, Invariant.ParentEnded,
            $"{errand} continues {started.Parent}, which is open");
        Place(log, errand, started, parent);
        Check(parent?.Errand == errand.Parent || errand.Parent is { IsForgotten: true }, Invariant.InputAsSent,
            $"{errand} has another parent");
        CheckRight(errand);
        Check(input.Count == errand.Items.Count && started.InputCount == input.Count, Invariant.InputAsSent,
            $"{errand} has {input.Count} of {errand.Items.Count} items");
        var turn = new TurnFacts
        {
            Number = started.Turn,
            Parent = parent,
            Started = started,
            Writer = entry.Writer,
            StartedAt = agenda.Tick(),
            Errand = errand,
            Digest = parent?.Digest ?? ItemDigest.Root,
            Chain = parent?.Chain ?? 0,
            Items = parent?.Items ?? 0,
        };
        for (var i = 0; i < input.Count; i++)
        {
            Check(input[i].Json.Span.SequenceEqual(errand.Items[i]), Invariant.InputAsSent, $"item {i} of {errand}");
            AddItem(turn, input[i].Json);
            if (WireText.IsCall(errand.Items[i]) && WireText.CallOf(errand.Items[i], errand.IsSlowAsync) is { } call)
            {
                turn.InputCalls.Add(call);
            }
        }

        Check(errand.History is not { } history || turn.Digest == history.Context, Invariant.ContextAsSent,
            $"{errand} behind {parent?.Errand}");
        CheckAnswers(turn);
        log.Turns.Add(turn);
        _facts.Add(started.RequestId, turn);
        Name(new ResponseId(errand.Key.Id, TurnId.Stored(started.Turn, started.Tag)), errand, log.Deletions > 0);
    }

    /// <summary>A history was sent again: its turn is where the server found the beginning of it, or anew.</summary>
    private static void Place(LogFacts log, Errand errand, TurnStarted started, TurnFacts? parent)
    {
        Check(started.IsRecognised == (errand.IsReplay && parent is not null), Invariant.InputAsSent,
            $"{errand} is said to be found by its history");
        if (errand.IsReplay)
        {
            Check(started.InputCount <= errand.Items.Count, Invariant.InputAsSent, $"{errand} has too many items");
            (errand.Key, errand.Parent) = (log.Key, parent?.Errand);
            errand.Items = errand.Items[^started.InputCount..];
        }
    }

    private static void CheckAnswers(TurnFacts turn)
    {
        if (turn.InputCalls.Count > 0)
        {
            // A history that parts from what is known holds both calls and outputs.
            return;
        }

        var open = (turn.Parent?.Calls ?? []).Where(static call => !call.IsAsync).Select(static call => call.Id)
            .ToList();
        foreach (var item in turn.Errand.Items)
        {
            if (WireText.CallId(item) is { } call && !open.Remove(call) && !IsAsync(turn.Parent, call))
            {
                throw new BrokenInvariantException(Invariant.CallsAnsweredOnce, $"{turn.Errand} answers {call} again");
            }
        }

        Check(open.Count == 0, Invariant.CallsAnsweredOnce, $"{turn.Errand} leaves calls open");
    }

    private static bool IsAsync(TurnFacts? turn, string call)
    {
        for (; turn is not null; turn = turn.Parent)
        {
            if (turn.Calls.Concat(turn.InputCalls).Contains(new MadeCall(call, IsAsync: true)))
            {
                return true;
            }
        }

        return false;
    }

    private static void Keep(TurnFacts turn, JournalEntry entry, OutputHeld output)
    {
        Check(turn.Writer == entry.Writer, Invariant.OwnTurnsOnly, $"{entry.Writer:x4} writes of {turn.Errand}");
        Check(turn.Finished is null, Invariant.EndsOnce, $"{turn.Errand} has output after its end");
        if (output.IsPartial)
        {
            turn.PartialBytes = output.Json.Length;
            return;
        }

        Check(output.Index == turn.Output.Count, Invariant.TurnsInOrder, $"output {output.Index} of {turn.Errand}");
        turn.Output.Add(output.Json);
        AddItem(turn, output.Json);
        if (WireText.CallOf(output.Json.Span, turn.Errand.IsSlowAsync) is { } call)
        {
            turn.Calls.Add(call);
        }
    }

    private int End(LogFacts log, TurnFacts turn, JournalEntry entry, TurnFinished finished)
    {
        Check(turn.Finished is null, Invariant.EndsOnce, $"{turn.Errand} ends again as {finished.Ending.Outcome}");
        Check(turn.Writer == entry.Writer || finished.Shape.IsEmpty, Invariant.OwnTurnsOnly,
            $"{entry.Writer:x4} ends {turn.Errand} as its own");
        Check(finished.Digest == turn.Digest, Invariant.DigestOfItems, $"the end of {turn.Errand}");
        Check(finished.Shape.Length <= 64 + (4 * (turn.PartialBytes + turn.Output.Sum(item => item.Length))),
            Invariant.BytesOfOwnItems, $"the shape of {turn.Errand} takes {finished.Shape.Length} bytes");
        turn.Finished = finished;
        if (turn.Output.Count > 0)
        {
            histories.Ended(
                new ResponseId(log.Key.Id, TurnId.Stored(turn.Number, turn.Started.Tag)), finished.Digest);
        }

        return finished.Shape.Length + (finished.Ending.Message?.Length ?? 0);
    }

    private void Delete(LogFacts log, TurnFacts turn)
    {
        if (log.Deletions > 0 && turn.Errand.DeleteAskedAt == 0)
        {
            // Asked for by an id that named a turn of the log before.
            turn.Errand.DeleteAskedAt = agenda.Tick();
        }

        Check(turn.Errand.DeleteAskedAt > 0, Invariant.TurnIsKept, $"nobody asked to delete {turn.Errand}");
        turn.IsDeleted = true;
    }

    private static void Give(LogFacts log, ValueHeld value)
    {
        if (value.Turn > 0)
        {
            var turn = Turn(log, value.Turn);
            Check(turn.Finished is not null, Invariant.ChangeIsDurable, $"{turn.Errand} changes before its end");
            turn.Metadata.Add(value.Json);
        }
    }

    private static TurnFacts Turn(LogFacts log, int number) => number > 0 && number <= log.Turns.Count
        ? log.Turns[number - 1]
        : throw new BrokenInvariantException(Invariant.TurnsInOrder, $"turn {number} of {log.Turns.Count}");

    private static void AddItem(TurnFacts turn, ReadOnlyMemory<byte> json)
    {
        turn.Digest = ItemDigest.Chain(turn.Digest, json.Span);
        turn.Chain = SimulatedBackend.Behind(turn.Chain, json.Span);
        turn.Items++;
    }

    /// <summary>An id names the turn of a request, and no other: without a tag, while its log lasts.</summary>
    private void Name(ResponseId id, Errand errand, bool maybeAgain)
    {
        if (!_named.TryAdd(id, errand) && _named[id] != errand)
        {
            Check(maybeAgain && id.Turn.Tag == 0, Invariant.IdsNameOneTurn, $"{id} names {_named[id]} and {errand}");
            _named[id] = errand;
        }
    }

    private static void Check(bool holds, string invariant,
        [InterpolatedStringHandlerArgument(nameof(holds))] FaultText detail)
    {
        if (!holds)
        {
            throw new BrokenInvariantException(invariant, detail.ToString());
        }
    }
}
