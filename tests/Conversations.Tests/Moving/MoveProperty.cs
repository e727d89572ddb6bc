using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Tests.Turns;
using Evergrain.Conversations.Turns;
using Xunit.Abstractions;

namespace Evergrain.Conversations.Tests.Moving;

/// <summary>
/// Random lives of a conversation that moves: what arrives answers like what was left behind, byte for byte, and with
/// no more work. What it writes then is a journal like any other.
/// </summary>
public sealed class MoveProperty(ITestOutputHelper output)
{
    private int _moves, _stored, _unstored, _kept;

    [Fact]
    public void Conversation_MovedInARandomLife_AnswersAsIfItHadStayed()
    {
        var seeds = Environment.GetEnvironmentVariable("EVERGRAIN_LONG") is null ? 80 : 5000;
        for (var seed = 1; seed <= seeds; seed++)
        {
            try
            {
                Live(seed);
            }
            catch (Exception e) when (!e.Message.Contains("seed", StringComparison.Ordinal))
            {
                Assert.Fail($"seed {seed}: {e}");
            }
        }

        output.WriteLine(
            $"[note] {_moves} moves of {_stored} stored, {_unstored} unstored and {_kept} kept turns");
        Assert.All([_moves, _stored, _unstored, _kept], static count => Assert.NotEqual(0, count));
    }

    private void Live(int seed)
    {
        var life = new MovingLife(seed);
        var random = new Random(-seed);
        for (var moves = 0; moves < 4; moves++)
        {
            for (var steps = random.Next(12); steps > 0; steps--)
            {
                life.Step();
            }

            if (life.Driver.Conversation.IsDeleted)
            {
                break;
            }

            Count(life);
            var old = life.Driver.Move(MovingLife.Backends());
            Assert.True(life.Driver.Conversation.Work == default, $"seed {seed}: {life.Driver.Conversation.Work}");
            Assert.True(life.Driver.Conversation.Bytes <= old.Bytes, $"seed {seed}: it grew by moving");
            new Twins(old, life.Driver.Conversation, life.Driver.Now, $"seed {seed}").Check(life.Turns);
        }

        CheckRebuild(life, seed);
    }

    private void Count(MovingLife life)
    {
        _moves++;
        _stored += life.Turns.Count(turn => turn.Id.Turn.IsStored);
        _kept += life.Turns.Count(turn => !turn.Id.Turn.IsStored && turn.Digest is { } digest &&
            !life.Driver.Conversation.Knows(turn.Start) &&
            life.Driver.Conversation.MayContinue(turn.Id.Turn, digest));
        _unstored += life.Turns.Count(turn => !turn.Id.Turn.IsStored && life.Driver.Conversation.Knows(turn.Start));
    }

    /// <summary>What was stored is what the journal says; unstored turns are known to nobody who reads it.</summary>
    private static void CheckRebuild(MovingLife life, int seed)
    {
        var rebuilt = new ConversationDriver(MovingLife.Backends());
        rebuilt.Journal.AddRange(life.Driver.Journal);
        rebuilt.Restart(takeOver: false);
        var stored = life.Turns.Where(turn => turn.Id.Turn.IsStored).ToList();
        foreach (var turn in stored)
        {
            Assert.True(
                Body(life.Driver.Conversation, turn) == Body(rebuilt.Conversation, turn),
                $"seed {seed}: {turn.Id} is not what the journal says");
        }
    }

    private static string Body(Conversation conversation, ClientTurn turn)
    {
        try
        {
            return Convert.ToHexString(conversation.Get(turn.Id.Turn, turn.Lease).Span);
        }
        catch (ConversationException e)
        {
            return e.Message;
        }
    }
}
