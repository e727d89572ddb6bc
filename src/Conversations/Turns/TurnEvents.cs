using Evergrain.Conversations.Context;
using Evergrain.Conversations.Records;
using Evergrain.Conversations.Wire;

namespace Evergrain.Conversations.Turns;

/// <summary>Writes the events of a turn that carry its response object, and makes the events of an ended turn
/// again.</summary>
internal sealed class TurnEvents(TurnTree turns, ConversationCounts counts)
{
    /// <summary>The response object of a turn as it stands.</summary>
    public ResponseSnapshot Snapshot(Turn turn) => Snapshot(turn, turn.Ending, turn.Output, turn.Digest);

    /// <summary>Writes the events that begin a turn.</summary>
    public void WriteOpening(Turn turn, ResponseStream stream)
    {
        var snapshot = Snapshot(turn, null, [], default);
        stream.WithResponse("response.created"u8, buffer => ResponseObject.Write(buffer, snapshot));
        stream.WithResponse("response.in_progress"u8, buffer => ResponseObject.Write(buffer, snapshot));
    }

    /// <summary>Writes the event that ends a live turn, whose end is not applied yet.</summary>
    public void WriteTerminal(Turn turn, LiveTurn live, TurnEnding ending)
    {
        var output = live.Items.ConvertAll(static json => (ReadOnlyMemory<byte>)json);
        WriteTerminal(Snapshot(turn, ending, output, live.Proposal.Digest), live.Stream);
    }

    /// <summary>Makes the events of an ended turn again.</summary>
    public EventLog Replay(Turn turn)
    {
        var log = new EventLog(counts);
        var stream = new ResponseStream(turns.IdOf(turn), turn.Dialect, log.Add);
        WriteOpening(turn, stream);
        IReadOnlyList<ReadOnlyMemory<byte>> items = turn.Partial.IsEmpty ? turn.Output : [.. turn.Output, turn.Partial];
        StreamReplay.Run(turn.Shape, items, stream);
        WriteTerminal(Snapshot(turn), stream);
        log.Release(0);
        return log;
    }

    /// <summary>
    /// The only event of a turn that another activation ran, with the number that its reader waits for: its deltas died
    /// with the server that sent them.
    /// </summary>
    public byte[] CutShort(Turn turn, int number)
    {
        byte[] written = [];
        WriteTerminal(Snapshot(turn),
            new ResponseStream(turns.IdOf(turn), turn.Dialect, json => written = json, number));
        return written;
    }

    private static void WriteTerminal(ResponseSnapshot snapshot, ResponseStream stream) => stream.WithResponse(
        TypeOf(snapshot.Ending!.Outcome), buffer => ResponseObject.Write(buffer, snapshot));

    private static ReadOnlySpan<byte> TypeOf(TurnOutcome outcome) => outcome switch
    {
        TurnOutcome.Completed => "response.completed"u8,
        TurnOutcome.Incomplete or TurnOutcome.Cancelled => "response.incomplete"u8,
        _ => "response.failed"u8,
    };

    private ResponseSnapshot Snapshot(Turn turn, TurnEnding? ending, IReadOnlyList<ReadOnlyMemory<byte>> output,
        Digest digest) => new()
        {
            Id = turns.IdOf(turn),
            Previous = turn.Parent is null || turn.IsRecognised ? null : turns.IdOf(turn.Parent),
            IsStored = turn.Id.IsStored,
            CreatedAt = turn.CreatedAt,
            Parameters = turn.Parameters,
            Ending = ending,
            Output = output,
            Digest = digest,
            Items = turn is { IsRecognised: true, Continues: { Turn: not null, Branch.Length: var known } }
                ? (known, turn.Live?.InputCount ?? (turn.Input.Length - known))
                : null,
        };
}
