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

    [Fact]
    public void StartTurn_ParentWhoseEndIsStoredAndNotConfirmed_WaitsForIt()
    {
        // A client may have read the end at another server, which read it in the journal before we were told.
        var driver = new ConversationDriver();
        var parent = driver.Say("hello");
        driver.Model(parent, new ModelEvent(ModelEventKind.Completed));
        var append = driver.Append!;
        driver.Conversation.IsFresh = false;
        AssertUnsettled(Unsettled.Tail);

        driver.Conversation.OnTail([new JournalEntry(append.End.Position, 1, append.Records)]);
        driver.Conversation.IsFresh = true;
        AssertUnsettled(Unsettled.End);

        driver.AppendAll();
        Assert.Equal(2, driver.Create(ConversationDriver.Json("again", parent)).Turn.Number);

        void AssertUnsettled(Unsettled what) => Assert.Equal(what, Assert.Throws<UnsettledException>(
            () => driver.Create(ConversationDriver.Json("again", parent))).What);
    }

    [Fact]
    public void Find_TurnWhoseStartIsStoredAndNotConfirmed_WaitsForIt()
    {
        var driver = new ConversationDriver();
        var id = driver.Create(ConversationDriver.Json("hello"));
        var append = driver.Append!;
        driver.Conversation.OnTail([new JournalEntry(append.End.Position, 1, append.Records)]);

        Assert.All<Action>(
            [
                () => driver.Conversation.Get(id.Turn, ConversationDriver.Lease),
                () => driver.Create(ConversationDriver.Json("again", id)),
            ],
            ask => Assert.Equal(Unsettled.End, Assert.Throws<UnsettledException>(ask).What));
        driver.AppendAll();
        Assert.Equal("in_progress", driver.Get(id).GetProperty("status").GetString());
    }
}
