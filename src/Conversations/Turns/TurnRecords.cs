using Evergrain.Conversations.Records;

namespace Evergrain.Conversations.Turns;

/// <summary>Makes the records of a turn. Each method gives the number of its last record, for gates.</summary>
internal static class TurnRecords
{
    /// <summary>The input items, then the start, which makes them part of the conversation.</summary>
    public static long AddStart(JournalOutbox outbox, Turn turn)
    {
        outbox.For(turn);
        var input = turn.Live!.Proposal.Items;
        foreach (var item in input)
        {
            outbox.Add(new InputHeld(item.Item.Json));
        }

        return outbox.Add(new TurnStarted
        {
            Turn = turn.Id.Number,
            Tag = turn.Id.Tag,
            Parent = turn.Parent?.Id.Number ?? 0,
            ContinuesInput = turn.ContinuesInput,
            RequestId = turn.RequestId,
            CreatedAt = turn.CreatedAt,
            Dialect = turn.Dialect,
            Generate = turn.Generate,
            IsRecognised = turn.IsRecognised,
            Values = turn.Parameters.Numbers,
            InputCount = input.Count,
        });
    }

    /// <summary>The finished items that have no record yet.</summary>
    public static long AddItems(JournalOutbox outbox, Turn turn, LiveTurn live)
    {
        outbox.For(turn);
        for (; live.Recorded < live.Items.Count; live.Recorded++)
        {
            outbox.Add(new OutputHeld(
                turn.Id.Number, live.Recorded, IsPartial: false, live.Items[live.Recorded]));
        }

        return outbox.Made;
    }

    /// <summary>The items that are left, the item that was dropped, the servers' names of items, the end.</summary>
    public static long AddEnd(JournalOutbox outbox, Turn turn, byte[]? partial, TurnFinished finished)
    {
        var live = turn.Live!;
        AddItems(outbox, turn, live);
        if (partial is not null)
        {
            outbox.Add(new OutputHeld(turn.Id.Number, live.Items.Count, IsPartial: true, partial));
        }

        if (live.Kept.Exists(static kept => kept is not null))
        {
            outbox.Add(new OutputNamed(turn.Id.Number, live.Backend.Origin, [.. live.Kept]));
        }

        return outbox.Add(finished);
    }
}
