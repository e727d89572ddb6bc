using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Tests.Turns;

/// <summary>A conversation whose journal others write too, where that was wrong once.</summary>
public sealed class SharedJournalTests
{
    [Fact]
    public void Find_NumberOfAProposedTurn_AsksTheJournalFirst()
    {
        // While a start is on its way to the journal, another server may have given its number to another turn.
        var driver = new ConversationDriver();
        driver.Answer(driver.Say("hello"));
        var proposed = driver.Create(ConversationDriver.Json("again"));
        driver.Conversation.IsFresh = false;

        Action<TurnId>[] asks =
        [
            turn => driver.Conversation.Get(turn, ConversationDriver.Lease),
            turn => driver.Conversation.Attach(turn, ConversationDriver.Lease, driver.Now),
            turn => driver.Conversation.Cancel(turn, ConversationDriver.Lease, driver.Now),
            turn => driver.Conversation.Delete(turn, ConversationDriver.Lease, driver.Now),
        ];
        Assert.All(asks, ask => Assert.Equal(
            Unsettled.Tail, Assert.Throws<UnsettledException>(() => ask(proposed.Turn)).What));
    }
}
