using Evergrain.Conversations.Ids;

namespace Evergrain.Conversations.Tests.Ids;

/// <summary>How the ids of responses are written and read.</summary>
public sealed class ResponseIdTests
{
    private const string Code = "0000000000000000000011";
    private static readonly ConversationId Conversation = new(63);

    public static TheoryData<string, TurnId> Known => new()
    {
        { "1", TurnId.Stored(1) },
        { "2147483647", TurnId.Stored(int.MaxValue) },
        { "1x0001", TurnId.Stored(1, 1) },
        { "12x000A", TurnId.Stored(12, 10) },
        { "2147483647xzzzz", TurnId.Stored(int.MaxValue, TurnId.TagsMax - 1) },
        { "0000000000000000000001", TurnId.Unstored(1) },
        { "0xxxx000000000000000xx", TurnId.Unstored(UnstoredOfMarks()) },
    };

    [Theory]
    [MemberData(nameof(Known))]
    public void Id_IsReadAsItWasWritten(string turn, TurnId expected)
    {
        var id = new ResponseId(Conversation, expected);

        Assert.Equal($"resp_{Code}_{turn}", $"{id}");
        Assert.True(ResponseId.TryParse($"{id}", out var read));
        Assert.Equal(id, read);
    }

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("01")]
    [InlineData("0x0001")]
    [InlineData("x0001")]
    [InlineData("1x")]
    [InlineData("1x0000")]
    [InlineData("1x001")]
    [InlineData("1x00001")]
    [InlineData("1x000-")]
    [InlineData("1X0001")]
    [InlineData("1x0001x0001")]
    [InlineData("+1x0001")]
    [InlineData("2147483648x0001")]
    [InlineData("99999999999")]
    public void Id_OfAnotherForm_IsNone(string turn) => Assert.False(ResponseId.TryParse($"resp_{Code}_{turn}", out _));

    [Fact]
    public void Ids_OfOneNumberWithOtherTags_AreOthers()
    {
        Assert.NotEqual(TurnId.Stored(1), TurnId.Stored(1, 1));
        Assert.NotEqual(TurnId.Stored(1, 2), TurnId.Stored(1, 1));
        Assert.Equal((1, 2, true), (TurnId.Stored(1, 2).Number, TurnId.Stored(1, 2).Tag, TurnId.Stored(1, 2).IsStored));
    }

    private static UInt128 UnstoredOfMarks()
    {
        Assert.True(Base62.TryParse("0xxxx000000000000000xx", out var value));
        return value;
    }
}
