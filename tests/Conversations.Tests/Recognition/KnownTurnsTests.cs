using System.Security.Cryptography;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Recognition;

namespace Evergrain.Conversations.Tests.Recognition;

/// <summary>The bounded index of one tenant.</summary>
public sealed class KnownTurnsTests
{
    private readonly KnownTurns _known = new(countMax: 3);

    [Fact]
    public void Add_OverTheBound_ForgetsTheOldest()
    {
        Assert.Equal([1, 1, 1, 0, 0], Enumerable.Range(1, 5).Select(i => _known.Add(Key(i), Response(i))));
        Assert.Equal([null, null, Response(3), Response(4), Response(5)], Enumerable.Range(1, 5).Select(Find));
    }

    [Fact]
    public void Add_OfAKeyThatIsThere_NamesTheNewest()
    {
        Assert.Equal(1, _known.Add(Key(1), Response(1)));
        Assert.Equal(0, _known.Add(Key(1), Response(2)));
        Assert.Equal(Response(2), Find(1));
        Assert.False(_known.Remove(Response(1)));
        Assert.True(_known.Remove(Response(2)));
        Assert.Null(Find(1));
    }

    [Fact]
    public void Add_OfTheSameTurn_KeepsWhatIsKnownOfIt()
    {
        _known.Add(Key(1), Response(1));
        _known.Find(Key(1))!.IsContinued = true;
        Assert.Equal(0, _known.Add(Key(1), Response(1)));
        Assert.True(_known.Find(Key(1))!.IsContinued);
    }

    private static Digest Key(int number) => Digest.From(SHA256.HashData([(byte)number]));

    private static ResponseId Response(int number) => new(new ConversationId(42), TurnId.Stored(number));

    private ResponseId? Find(int number) => _known.Find(Key(number))?.Response;
}
