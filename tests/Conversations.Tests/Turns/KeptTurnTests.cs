using System.Text;
using System.Text.Json;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Tests.Turns;

/// <summary>Unstored turns whose connection is gone: histories may continue them for a while.</summary>
public sealed class KeptTurnTests
{
    private static readonly TimeSpan Grace = TimeSpan.FromMinutes(5);
    private readonly ConversationDriver _driver = new();

    private Conversation Conversation => _driver.Conversation;

    [Fact]
    public void Release_WithAGrace_KeepsTheTurnForHistoriesAlone()
    {
        var (id, digest) = SayAndRelease(Grace);
        Assert.True(Conversation.MayContinue(id.Turn, digest));
        Assert.False(Conversation.MayContinue(id.Turn, default));
        Assert.Equal((true, true, false), (Conversation.IsIdle, Conversation.Keeps, Conversation.IsEmpty));
        Assert.Throws<ConversationException>(() => Conversation.Get(id.Turn, ConversationDriver.Lease));
        Assert.Throws<ConversationException>(() => Conversation.Get(id.Turn, default));
        Assert.Throws<ConversationException>(() => _driver.Create(ConversationDriver.Json("two", id, store: false)));
        Assert.Throws<ConversationException>(() => Continue(id, store: true));
        Assert.NotEqual(default, Continue(id));
    }

    [Fact]
    public void Release_WithoutAGrace_KeepsNothing()
    {
        var (id, digest) = SayAndRelease(TimeSpan.Zero);
        Assert.False(Conversation.MayContinue(id.Turn, digest));
        Assert.True(Conversation.IsEmpty);
        Assert.Throws<ConversationException>(() => Continue(id));
    }

    [Fact]
    public void Time_OfAKeptTurn_EndsItAndBeginsAnewWithItsUse()
    {
        var (id, digest) = SayAndRelease(Grace);
        Assert.Equal(_driver.Now + Grace, _driver.Effects.OfType<Effect.WakeAt>().Last().Time);
        _driver.Now += Grace / 2;
        var next = Continue(id);
        _driver.Answer(next);
        Conversation.Delete(next.Turn, ConversationDriver.Lease, _driver.Now);
        Tick(Grace / 2);
        Assert.True(Conversation.MayContinue(id.Turn, digest));
        Tick(Grace / 2);
        Assert.False(Conversation.MayContinue(id.Turn, digest));
        Assert.True(Conversation.IsEmpty);
    }

    // Nobody must find what a mark of a turn that has no output stands for.
    [Fact]
    public void Release_OfATurnWithoutOutput_KeepsNothing()
    {
        _driver.Keep(Grace);
        _driver.Say("one", store: false);
        Conversation.Release(ConversationDriver.Lease, _driver.Now);
        _driver.Take();
        Assert.True(Conversation.IsEmpty);
    }

    [Fact]
    public void End_OfAnUnstoredTurn_IsNotedUnderAKeyOfItsOwn()
    {
        _driver.Keep(Grace);
        var unstored = _driver.Say("one", store: false);
        _driver.Answer(unstored);
        var stored = _driver.Say("one");
        _driver.Answer(stored);
        var noted = _driver.Effects.OfType<Effect.NoteEnd>().Select(static note => note.Entry).ToList();
        Assert.Equal([unstored, stored], noted.Select(static entry => entry.Response));
        Assert.NotEqual(noted[0].Mark.Key, noted[1].Mark.Key);
    }

    [Fact]
    public void Move_TakesKeptTurnsAndTheTimeThatTheyHaveLeft()
    {
        var (id, digest) = SayAndRelease(Grace);
        _driver.Now += Grace / 2;
        _driver.Move();
        Assert.True(Conversation.MayContinue(id.Turn, digest));
        Assert.Equal(_driver.Now + (Grace / 2), _driver.Effects.OfType<Effect.WakeAt>().Last().Time);
        Tick(Grace / 2);
        Assert.False(Conversation.MayContinue(id.Turn, digest));
        Assert.True(Conversation.IsEmpty);
    }

    // A fork that is gone leaves its items to nobody, whatever goes on beside it.
    [Fact]
    public void Segment_OfAnUnstoredTurn_HasItsItemsAlone()
    {
        var (id, _) = SayAndRelease(Grace);
        foreach (var store in (bool[])[false, false])
        {
            _driver.Answer(Continue(id, store));
        }

        using var shape = JsonDocument.Parse(Conversation.GetContext(Continue(id).Turn, 0));
        Assert.Equal(2, shape.RootElement.GetProperty("segments").GetArrayLength());
        Assert.Equal(2, shape.RootElement.GetProperty("segments")[0].GetProperty("items").GetInt32());
    }

    private (ResponseId Id, Digest Digest) SayAndRelease(TimeSpan grace)
    {
        _driver.Keep(grace);
        var id = _driver.Say("one", store: false);
        _driver.Answer(id);
        using var body = JsonDocument.Parse(Conversation.Get(id.Turn, ConversationDriver.Lease));
        var digest = body.RootElement.GetProperty("evergrain").GetProperty("digest").GetString()!;
        Conversation.Release(ConversationDriver.Lease, _driver.Now);
        _driver.Take();
        return (id, Digest.From(Convert.FromHexString(digest)));
    }

    private ResponseId Continue(ResponseId parent, bool store = false) => _driver.Begin(new StartTurn
    {
        Key = _driver.Key,
        RequestId = _driver.Requests.Next128(),
        Lease = ConversationDriver.Lease,
        IsRecognised = true,
        Create = Encoding.UTF8.GetBytes(ConversationDriver.Json("two", parent, store)),
    });

    private void Tick(TimeSpan time)
    {
        _driver.Now += time;
        Conversation.OnTime(_driver.Now);
        _driver.Take();
    }
}
