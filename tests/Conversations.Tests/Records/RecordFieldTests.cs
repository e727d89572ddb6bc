using System.Buffers;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Records;
using Record = Evergrain.Conversations.Records.Record;

namespace Evergrain.Conversations.Tests.Records;

/// <summary>The optional fields at a payload's end.</summary>
public sealed class RecordFieldTests
{
    private static readonly RecordOwner Owner = new(new ConversationKey("default", new ConversationId(42)));
    private static readonly RecordField Note = new("acme.note", 0, "abc"u8.ToArray());
    private static readonly RecordField Marked = new("acme.mark", 6, ReadOnlyMemory<byte>.Empty);

    [Fact]
    public void Read_UnknownFields_AreKeptAndWrittenAgainAsTheyWere()
    {
        var written = RecordFrames.Write([new InputHeld("{}"u8.ToArray()) { Fields = [Note, Marked] }], Owner);

        var read = RecordFrames.Read(written, Owner);

        Assert.Equal(["acme.note 0 616263", "acme.mark 6 "],
            read[0].Fields.Select(f => $"{f.Name} {f.Flags} {Convert.ToHexString(f.Value.Span)}"));
        Assert.Equal(written.ToArray(), RecordFrames.Write(read, Owner).ToArray());
    }

    [Fact]
    public void Read_UnknownCriticalField_IsRefusedByName()
    {
        var seal = new RecordField("seal", 1, ReadOnlyMemory<byte>.Empty);
        var written = RecordFrames.Write([new TurnDeleted(3) { Fields = [Note, seal] }], Owner);

        var e = Assert.Throws<JournalCorruptException>(() => RecordFrames.Read(written, Owner));

        Assert.Contains("critical field 'seal' of a TurnDeleted record", e.Message, StringComparison.Ordinal);
        Assert.True(e.IsNewer);
    }

    [Fact]
    public void Write_FieldsInTheFirstFormat_AreNotDroppedSilently() => Assert.Throws<InvalidOperationException>(
        () => RecordFrames.Write([new Claimed { Fields = [Note] }], Owner, RecordFormat.First));

    [Fact]
    public void Write_FormatsDifferByTheFieldsAlone()
    {
        Record[] records = [new InputHeld("{}"u8.ToArray())];
        var first = RecordFrames.Write(records, Owner, RecordFormat.First).ToArray()[(RecordFrames.HeaderBytes + 1)..];
        var second = RecordFrames.Write(records, Owner, 2).ToArray()[(RecordFrames.HeaderBytes + 1)..];

        // No field, and the length of that: one byte.
        Assert.Equal([.. first, 0, 1, 0, 0, 0], second);
    }

    [Theory]
    [InlineData("")]
    [InlineData("000000")]
    [InlineData("00000000")]
    [InlineData("0005000000")]
    [InlineData("00FFFFFFFF")]
    [InlineData("0102000000")]
    [InlineData("000002000000")]
    [InlineData("FFFFFFFF0F05000000")]
    [InlineData("010000000400000000")]
    [InlineData("020161000001610000" + "09000000")]
    public void Split_Damaged_IsReported(string payload)
    {
        var bytes = Convert.FromHexString(payload);

        var e = Assert.ThrowsAny<Exception>(() => RecordField.Split(bytes));

        Assert.True(e is FormatException or OverflowException, e.ToString());
    }

    [Fact]
    public void Split_TooManyFields_IsReported()
    {
        var payload = new ArrayBufferWriter<byte>();
        RecordField.WriteAll([.. Enumerable.Range(0, 65).Select(i => Note with { Name = $"f{i}" })], payload);

        Assert.Throws<FormatException>(() => RecordField.Split(payload.WrittenMemory));
    }
}
