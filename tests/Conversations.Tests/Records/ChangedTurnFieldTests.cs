using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Records;

namespace Evergrain.Conversations.Tests.Records;

/// <summary>The field of a value that an ended turn shows from there on.</summary>
public sealed class ChangedTurnFieldTests
{
    private static readonly RecordOwner Owner = new(new ConversationKey("default", new ConversationId(1)));
    private static readonly RecordField Note = new("acme.note", 0, "abc"u8.ToArray());
    private static readonly ValueHeld Value = new(3, "metadata", "{}"u8.ToArray());

    [Fact]
    public void Field_IsReadAsItWasWritten_BesideOtherFields()
    {
        var bytes = RecordFrames.Write([Value with { Turn = 7, Fields = [Note] }], Owner);
        var read = Assert.IsType<ValueHeld>(Assert.Single(RecordFrames.Read(bytes, Owner)));
        Assert.Equal((3, 7, "acme.note"), (read.Number, read.Turn, Assert.Single(read.Fields).Name));
        Assert.Equal(bytes.ToArray(), RecordFrames.Write([read], Owner).ToArray());
    }

    [Theory]
    [InlineData(new byte[0])]
    [InlineData(new byte[] { 0, 0, 0, 0 })]
    [InlineData(new byte[] { 1, 0, 0, 0, 0 })]
    [InlineData(new byte[] { 0, 0, 0, 128 })]
    public void Field_ThatIsNoNumberOfATurn_IsDamage(byte[] value) => Assert.Throws<JournalCorruptException>(() =>
        RecordFrames.Read(RecordFrames.Write([Value with { Fields = [new("turn", 0, value)] }], Owner), Owner));

    [Fact]
    public void Field_InFormat1_IsAnError() => Assert.Throws<InvalidOperationException>(() =>
        RecordFrames.Write([Value with { Turn = 1 }], Owner, RecordFormat.First));

    // Whoever does not know it must be able to go on.
    [Fact]
    public void Field_IsNotCritical() =>
        Assert.False(Assert.Single(ChangedTurnField.AddTo(Value with { Turn = 1 }, [])).IsCritical);
}
