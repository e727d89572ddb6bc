using Evergrain.Conversations.Context;
using Evergrain.Conversations.Records;

namespace Evergrain.Conversations.Turns;

/// <summary>Takes over a journal that another activation wrote last, and ends the turns that it left open.</summary>
internal static class JournalClaim
{
    /// <summary>
    /// Records the claim before this activation's first other record; ends the open turns in the same append.
    /// </summary>
    public static void Make(ConversationState state, DateTimeOffset now)
    {
        if (!state.Outbox.MustClaim)
        {
            return;
        }

        state.Counts.Claims++;
        state.Outbox.Add(new Claimed());
        foreach (var turn in state.Turns.Abandoned)
        {
            var ending = new TurnEnding(TurnOutcome.Interrupted, "server_error",
                "interrupted: the server that ran this response died or lost its conversation to another one. " +
                "Its finished items are kept; continue from it.", null, now.ToUnixTimeMilliseconds());
            state.Counts.AddEnded(ending);
            state.Outbox.Add(CutShort(turn, ending));
        }
    }

    /// <summary>The end of a turn that this activation does not run: its durable items, and no stream.</summary>
    private static TurnFinished CutShort(Turn turn, TurnEnding ending)
    {
        var proposal = new Proposal(turn.Input, null);
        foreach (var json in turn.Output)
        {
            proposal.Add(json);
        }

        return new TurnFinished
        {
            Turn = turn.Id.Number,
            Ending = ending,
            Shape = default,
            Digest = proposal.Digest,
        };
    }
}
