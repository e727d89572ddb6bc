using Evergrain.Conversations.Ids;

namespace Evergrain.Conversations.Tests.Simulation;

/// <summary>A sweep's wish: what ended some time ago is to expire. Turns that may be meant count as deleted.</summary>
internal static class Expiry
{
    /// <summary>Asks the activation of a conversation.</summary>
    /// <param name="world">The world.</param>
    /// <param name="key">The conversation.</param>
    /// <param name="age">How long ago a turn that expires has ended at least, in milliseconds.</param>
    public static Action<SimulatedActivation, HostRequest> Of(World world, ConversationKey key, int age) =>
        (active, self) => active.Wait<bool>(
            self,
            (inner, answer) => inner.AskDurable((conversation, now) =>
            {
                var endedBy = now.ToUnixTimeMilliseconds() - age;
                Mark(world, key, endedBy);
                return (true, conversation.Expire(endedBy, now));
            }, answer),
            _ => self.Answer(true));

    // A turn that the journal does not hold as ended, one that runs above all, must not expire.
    private static void Mark(World world, ConversationKey key, long endedBy)
    {
        foreach (var turn in world.Witness.LogOf(key).Turns)
        {
            if (turn.Finished?.Ending.EndedAt <= endedBy && turn.Errand.DeleteAskedAt == 0)
            {
                turn.Errand.DeleteAskedAt = world.Agenda.Tick();
            }
        }
    }
}
