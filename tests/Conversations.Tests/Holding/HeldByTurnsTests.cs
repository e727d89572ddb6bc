using Evergrain.Conversations.Holding;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Tests.Turns;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Tests.Holding;

/// <summary>That the bytes a conversation says it holds are those it takes, and that they go.</summary>
[Collection(nameof(AloneCollection))]
public sealed class HeldByTurnsTests
{
    private const int Deltas = 100_000;

    private readonly ConversationDriver _driver = new();

    [Theory]
    [InlineData(1)]
    [InlineData(100)]
    public void Bytes_OfManyShortDeltas_AreAboutWhatTheyTake(int chars)
    {
        var id = _driver.Say("flood");
        _driver.Model(id, [.. ConversationDriver.Message("").Take(2)]);
        var delta = ConversationDriver.Delta(new string('x', chars));
        var (before, counted) = (Heap.Settled(), _driver.Conversation.Bytes);
        for (var i = 0; i < Deltas; i++)
        {
            _driver.Conversation.OnModelEvent(id.Turn, delta, _driver.Now);
        }

        _driver.Take();
        var taken = Heap.Settled() - before;
        Assert.InRange((double)(_driver.Conversation.Bytes - counted) / taken, 0.8, 1.3);
    }

    [Fact]
    public void Bytes_OfEvents_GoWithTheirLastReader()
    {
        var before = _driver.Conversation.Bytes;
        var id = _driver.Say("hi");
        _driver.Conversation.Attach(id.Turn, ConversationDriver.Lease, _driver.Now);
        _driver.Answer(id, new string('x', 30_000));
        var read = _driver.Conversation.Bytes;
        Assert.InRange(read - before, 10_000 * 200, long.MaxValue);

        _driver.Conversation.Detach(id.Turn, _driver.Now);
        Assert.InRange(_driver.Conversation.Bytes - before, 60_000, 200_000);

        // Made again for a reader that comes later, and gone with it.
        _driver.Conversation.Attach(id.Turn, ConversationDriver.Lease, _driver.Now);
        _driver.Conversation.Read(id.Turn, ConversationDriver.Lease, 0);
        Assert.Equal(read, _driver.Conversation.Bytes);
        _driver.Conversation.Detach(id.Turn, _driver.Now);
        Assert.InRange(_driver.Conversation.Bytes - before, 60_000, 200_000);
    }

    [Fact]
    public void Bytes_OfATurnThatRuns_CountItsItemsOnce()
    {
        const int chars = 1 << 20;
        var before = _driver.Conversation.Bytes;
        var id = _driver.Create(ConversationDriver.Json(new string('x', chars)));

        // The item and its rendering, and the append.
        Assert.InRange(_driver.Conversation.Bytes - before, 3 * chars, (3 * chars) + 100_000);
        _driver.AppendAll();
        Assert.InRange(_driver.Conversation.Bytes - before, 2 * chars, (2 * chars) + 100_000);
        _driver.Answer(id);
        Assert.InRange(_driver.Conversation.Bytes - before, 2 * chars, (2 * chars) + 100_000);
    }

    [Fact]
    public void Events_OverTheBoundOfATurn_EndItByName()
    {
        const int max = 1 << 20;
        _driver.Hold(new ProcessHolding(static () => new HoldingBounds(1 << 30, max), static _ => long.MaxValue));
        var id = _driver.Say("flood");
        _driver.Model(id, [.. ConversationDriver.Message("").Take(2)]);
        for (var i = 0; i < 10_000; i++)
        {
            _driver.Conversation.OnModelEvent(id.Turn, ConversationDriver.Delta("x"), _driver.Now);
        }

        _driver.Take();
        _driver.AppendAll();
        var error = _driver.Get(id).GetProperty("error");
        Assert.Equal("failed", _driver.Get(id).GetProperty("status").GetString());
        Assert.Equal(TenantHolding.Code, error.GetProperty("code").GetString());
        Assert.Contains(_driver.Effects, effect => effect is Effect.CancelCall);

        // It can be continued, and read again after a restart.
        _driver.Restart();
        Assert.Equal(TenantHolding.Code, _driver.Get(id).GetProperty("error").GetProperty("code").GetString());
        _driver.Answer(_driver.Say("go on", id));
    }

    [Fact]
    public void Create_ThatFindsNoRoom_LeavesItsUnstoredParent()
    {
        var bounds = new HoldingBounds(1 << 30, 1 << 30);
        _driver.Hold(new ProcessHolding(() => bounds, static _ => long.MaxValue));
        var parent = _driver.Say("one", store: false);
        _driver.Answer(parent);
        bounds = new HoldingBounds(1, 1);

        Assert.Throws<ConversationException>(() => _driver.Say("two", parent, store: false));

        bounds = new HoldingBounds(1 << 30, 1 << 30);
        _driver.Answer(_driver.Say("two", parent, store: false));
    }

    [Fact]
    public void Create_OfAnIdleConversation_NeedsRoomForAllOfIt()
    {
        var room = 1L << 30;
        _driver.Hold(new ProcessHolding(() => new HoldingBounds(room, 1 << 30), static _ => long.MaxValue));
        var first = _driver.Say(new string('x', 1 << 20));
        _driver.Answer(first);
        room = 1 << 20;

        var refusal = Assert.Throws<ConversationException>(() => _driver.Say("small", first)).Refusal;

        Assert.Equal(RefusalKind.Overloaded, refusal.Kind);
        room = 8 << 20;
        _driver.Answer(_driver.Say("small", first));
    }
}
