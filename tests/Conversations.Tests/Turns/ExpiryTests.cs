using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Records;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Tests.Turns;

/// <summary>What it costs that turns expire.</summary>
public sealed class ExpiryTests
{
    private const int Kept = 100;
    private static readonly DateTimeOffset Start = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private readonly ConversationState _state = new(
        new ConversationKey("default", new ConversationId(42)), activation: 1, static () => RecordFormat.Newest);

    // One turn a second ends and one expires: whether ten or ten thousand have gone before.
    [Fact]
    public void Expire_OfOneTurnAtATime_LooksAtEachTurnTwice()
    {
        const int turns = 10_000;
        var removal = NewRemoval();
        var expired = 0;
        for (var i = 0; i < turns; i++)
        {
            End(Begin(), secondsIn: i);
            expired += Expire(removal, secondsIn: i);
        }

        Assert.Equal(turns - Kept, expired);
        Assert.Equal(turns + expired, removal.Looks);
        Assert.Equal(Kept, _state.Turns.Stored.Count(static turn => !turn.IsHidden));
    }

    // Turns do not end in the order in which they began, and one of them runs all the time.
    [Fact]
    public void Expire_OfTurnsThatEndInAnotherOrder_TakesThoseThatAreDue()
    {
        var removal = NewRemoval();
        Turn running = Begin(), late = Begin(), early = Begin(), deleted = Begin();
        End(deleted, secondsIn: 1);
        _state.Turns.Hide(deleted);
        End(early, secondsIn: 2);
        Assert.Equal(0, Expire(removal, secondsIn: 3));
        End(late, secondsIn: 4);
        Assert.Equal(1, Expire(removal, secondsIn: Kept + 2));
        Assert.Equal((true, false), (early.IsHidden, late.IsHidden));
        Assert.Equal(1, Expire(removal, secondsIn: Kept + 4));
        Assert.True(late.IsHidden);
        End(running, secondsIn: Kept + 5);
        Assert.Equal(0, Expire(removal, secondsIn: Kept + 6));
        Assert.Equal(1, Expire(removal, secondsIn: (2 * Kept) + 5));
        Assert.True(running.IsHidden);
    }

    // Nothing is due: one comparison, however many turns there are.
    [Fact]
    public void Expire_WhereNothingIsDue_LooksAtNoTurn()
    {
        var removal = NewRemoval();
        for (var i = 0; i < Kept; i++)
        {
            End(Begin(), secondsIn: i);
        }

        Expire(removal, secondsIn: Kept - 1);
        var looks = removal.Looks;
        for (var i = 0; i < Kept; i++)
        {
            Assert.Equal(0, removal.Expire(Start.ToUnixTimeMilliseconds() - 1, Start.AddSeconds(Kept)));
        }

        Assert.Equal(looks, removal.Looks);
    }

    private TurnRemoval NewRemoval() => new(_state, running: null!);

    private Turn Begin()
    {
        var turn = new Turn
        {
            Id = TurnId.Stored(_state.Turns.NextNumber, 0),
            Parent = null,
            RequestId = (UInt128)_state.Turns.NextNumber << 64,
            CreatedAt = 0,
            Parameters = _state.Parameters.ByNumbers([]),
            Dialect = default,
            Generate = true,
            Status = TurnStatus.Running,
        };
        _state.Turns.Add(turn);
        return turn;
    }

    private static void End(Turn turn, int secondsIn)
    {
        turn.Status = TurnStatus.Ended;
        turn.Ending = new TurnEnding(
            TurnOutcome.Completed, null, null, null, Start.AddSeconds(secondsIn).ToUnixTimeMilliseconds());
    }

    /// <summary>Takes away what ended <see cref="Kept"/> seconds ago; gives how many turns that were.</summary>
    private int Expire(TurnRemoval removal, int secondsIn)
    {
        var before = _state.Turns.VisibleStored;
        var now = Start.AddSeconds(secondsIn);
        removal.Expire(now.AddSeconds(-Kept).ToUnixTimeMilliseconds(), now);
        return before - _state.Turns.VisibleStored;
    }
}
