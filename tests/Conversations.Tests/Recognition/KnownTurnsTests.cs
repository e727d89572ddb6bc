using System.Security.Cryptography;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Recognition;

namespace Evergrain.Conversations.Tests.Recognition;

/// <summary>The bounded index of one tenant.</summary>
public sealed class KnownTurnsTests
{
    private readonly KnownTurns _known = new(countMax: 3);

    [Fact]
    public void Add_OverTheBound_ForgetsTheOldest()
    {
        Assert.Equal([1, 1, 1, 0, 0], Enumerable.Range(1, 5).Select(i => _known.Add(Mark(i), Response(i))));
        Assert.Equal([null, null, Response(3), Response(4), Response(5)], Enumerable.Range(1, 5).Select(Find));
    }

    [Fact]
    public void Find_OfSeveralWithOneKey_GivesTheNewest()
    {
        Assert.Equal([1, 1, 1, 0], Enumerable.Range(1, 4).Select(i => _known.Add(Mark(1), Response(i))));
        Assert.Equal(Response(4), Find(1));
        Assert.Equal([0, 1, 1], new[] { 1, 3, 4 }.Select(i => _known.Remove(Response(i))));
        Assert.Equal(Response(2), Find(1));
        Assert.Equal(1, _known.Remove(Response(2)));
        Assert.Null(Find(1));
    }

    [Fact]
    public void Turn_WithAKeyWithoutReasoning_IsFoundByBoth()
    {
        Assert.Equal(2, _known.Add(Mark(1) with { BareKey = Key(2) }, Response(1)));
        Assert.Equal(0, _known.Add(Mark(1) with { BareKey = Key(2) }, Response(1)));
        Assert.Equal([Response(1), Response(1)], new[] { 1, 2 }.Select(Find));
        Assert.Equal([1, 0], Enumerable.Range(2, 2).Select(i => _known.Add(Mark(i + 1), Response(i))));
        Assert.Null(Find(1));
        Assert.Equal(1, _known.Remove(Response(1)));
        Assert.Null(Find(2));
    }

    [Fact]
    public void Find_WithAHint_GivesTheNewestOfThatChat()
    {
        _known.Add(Mark(1, hint: 5), Response(1));
        _known.Add(Mark(1, hint: 5), Response(2));
        _known.Add(Mark(1, hint: 6), Response(3));
        Assert.Equal([Response(2), Response(3), Response(3), Response(3)],
            new ulong[] { 5, 6, 7, 0 }.Select(hint => _known.Find(Key(1), hint)?.Response));
        Assert.Null(_known.Find(Key(2), 5));
    }

    [Fact]
    public void Add_OfTheSameTurn_KeepsWhatIsKnownOfIt()
    {
        _known.Add(Mark(1), Response(1));
        _known.Find(Key(1), 0)!.IsContinued = true;
        Assert.Equal(0, _known.Add(Mark(1), Response(1)));
        Assert.True(_known.Find(Key(1), 0)!.IsContinued);
    }

    private static Digest Key(int number) => Digest.From(SHA256.HashData([(byte)number]));

    private static HistoryMark Mark(int number, ulong hint = 0) => new(Key(number), hint);

    private static ResponseId Response(int number) => new(new ConversationId(42), TurnId.Stored(number));

    private ResponseId? Find(int number) => _known.Find(Key(number), 0)?.Response;
}
