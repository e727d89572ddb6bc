using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Record = Evergrain.Conversations.Records.Record;

namespace Evergrain.Conversations.Tests.Records;

public sealed class FirstAppendTests
{
    private const long Time = 1_700_000_000_123;

    private static readonly ConversationKey Key = new("acme", new ConversationId(42));

    private static TurnStarted Started => new()
    {
        Turn = 1,
        Tag = 7,
        Parent = 0,
        RequestId = UInt128.MaxValue,
        CreatedAt = Time,
        Dialect = EventDialect.OpenAI,
        Generate = true,
        Values = [1, 2, 3],
        InputCount = 1,
    };

    [Theory]
    [InlineData(10)]
    [InlineData(100_000)]
    public void TimeOf_AnAppendOrItsEnd_IsThatOfItsFirstTurn(int bytes)
    {
        var append = Write(new InputHeld(new byte[bytes]), Started);
        var tail = append[^Math.Min(append.Length, JournalBounds.FirstTailBytes)..];

        Assert.Equal(Time, FirstAppend.TimeOf(append, Key));
        Assert.Equal(Time, FirstAppend.TimeOf(tail, Key));
    }

    [Fact]
    public void TimeOf_ATurnThatWasCancelledBeforeItStarted_IsThatOfItsEnd()
    {
        var finished = new TurnFinished
        {
            Turn = 1,
            Ending = new TurnEnding(TurnOutcome.Cancelled, null, null, null, Time + 1),
            Shape = default,
            Digest = default(Digest),
        };

        Assert.Equal(Time + 1, FirstAppend.TimeOf(Write(Started, finished), Key));
    }

    [Fact]
    public void TimeOf_AnotherConversationsAppend_IsNotKnown()
    {
        var append = Write(Started);

        Assert.Null(FirstAppend.TimeOf(append, Key with { Tenant = "other" }));
        Assert.Null(FirstAppend.TimeOf(append, Key with { Id = new ConversationId(43) }));
        Assert.Null(FirstAppend.TimeOf(default, Key));
    }

    [Fact]
    public void TimeOf_AnAppendWithAFlippedBit_IsNeverAnotherTime()
    {
        var append = Write(Started).ToArray();
        for (var bit = 0; bit < append.Length * 8; bit++)
        {
            append[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Null(FirstAppend.TimeOf(append, Key));
            append[bit / 8] ^= (byte)(1 << (bit % 8));
        }

        Assert.Equal(Time, FirstAppend.TimeOf(append, Key));
    }

    private static ReadOnlyMemory<byte> Write(params Record[] records) =>
        RecordFrames.Write(records, new RecordOwner(Key));
}
