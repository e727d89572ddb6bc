using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Record = Evergrain.Conversations.Records.Record;

namespace Evergrain.Conversations.Tests.Records;

public sealed class RecordFramesTests
{
    private static readonly ConversationKey Key = new("default", new ConversationId(42));
    private static readonly RecordOwner Owner = new(Key);
    private static readonly Record[] Every =
    [
        new Claimed(),
        new ValueHeld(3, "tools", "[1]"u8.ToArray()),
        new InputHeld("""{"role":"user"}"""u8.ToArray()),
        new TurnStarted
        {
            Turn = 7, Parent = 6, RequestId = UInt128.MaxValue, CreatedAt = 1_700_000_000_123,
            Dialect = EventDialect.OpenResponses, Generate = true, Values = [1, 2, 300], InputCount = 1,
        },
        new OutputHeld(7, 0, IsPartial: true, "{}"u8.ToArray()),
        new TurnFinished
        {
            Turn = 7, Ending = new TurnEnding(TurnOutcome.Failed, "code", null, new Usage(1, 2, 3, 4), 5),
            Shape = new byte[] { 1, 2, 3 },
            Digest = Digest.From(Enumerable.Range(0, 32).Select(i => (byte)i).ToArray()),
        },
        new OutputNamed(7, "m", ["a", null]),
        new TurnDeleted(7),
    ];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Read_EveryKind_GivesWhatWasWritten(int format)
    {
        var read = RecordFrames.Read(RecordFrames.Write(Every, Owner, format), Owner);
        Assert.Equal(Every.Select(Text), read.Select(Text));
    }

    [Fact]
    public void WholeLength_TailTornAnywhere_CutsToTheLastWholeAppend()
    {
        var first = RecordFrames.Write(Every, Owner).ToArray();
        byte[] stream = [.. first, .. RecordFrames.Write(Every[..3], Owner).Span];
        for (var length = 0; length <= stream.Length; length++)
        {
            var expected = length == stream.Length ? length : length >= first.Length ? first.Length : 0;
            Assert.Equal(expected, RecordFrames.WholeLength(stream.AsSpan(0, length), Owner));
        }
    }

    [Fact]
    public void Read_AnyByteFlipped_IsReportedAndNothingIsSkipped()
    {
        var append = RecordFrames.Write(Every, Owner).ToArray();
        for (var i = 0; i < append.Length; i++)
        {
            append[i] ^= 0x10;
            Assert.Throws<JournalCorruptException>(() => RecordFrames.Read(append, Owner));
            append[i] ^= 0x10;
        }
    }

    [Fact]
    public void WholeLength_ByteFlippedBeforeTheTail_IsReported()
    {
        byte[] stream = [.. RecordFrames.Write(Every[..2], Owner).Span, .. RecordFrames.Write(Every, Owner).Span];
        for (var i = 0; i < stream.Length; i++)
        {
            stream[i] ^= 1;
            Assert.Throws<JournalCorruptException>(() => RecordFrames.WholeLength(stream, Owner));
            stream[i] ^= 1;
        }
    }

    [Fact]
    public void Read_CutAppend_IsReported()
    {
        var append = RecordFrames.Write(Every, Owner);
        for (var length = 0; length < append.Length; length++)
        {
            Assert.Throws<JournalCorruptException>(() => RecordFrames.Read(append[..length], Owner));
        }
    }

    [Theory]
    [InlineData("default", 43)]
    [InlineData("defaul", 42)]
    [InlineData("other", 42)]
    public void Read_RecordsOfAnotherConversation_AreDamage(string tenant, int id)
    {
        var append = RecordFrames.Write(Every, Owner);
        var other = new RecordOwner(new ConversationKey(tenant, new ConversationId((UInt128)id)));

        Assert.Throws<JournalCorruptException>(() => RecordFrames.Read(append, other));
        Assert.Throws<JournalCorruptException>(() => RecordFrames.WholeLength(append.Span, other));

        // Older formats do not say whose they are.
        Assert.NotEmpty(RecordFrames.Read(RecordFrames.Write(Every, Owner, 2), other));
    }

    [Theory]
    [InlineData(RecordFormat.Newest + 1, 1, "version 5")]
    [InlineData(RecordFormat.First, 99, "kind 99")]
    public void Read_UnknownVersionOrKind_IsRefusedByName(byte version, byte kind, string named)
    {
        byte[] body = [version, (byte)(kind | 0x80)];
        byte[] length = BitConverter.GetBytes(body.Length);
        byte[] frame =
        [
            .. length, .. BitConverter.GetBytes(Crc32C.Compute(length)), .. BitConverter.GetBytes(Owner.Checksum(body)),
            .. body,
        ];
        var e = Assert.Throws<JournalCorruptException>(() => RecordFrames.Read(frame, Owner));
        Assert.Contains(named, e.Message, StringComparison.Ordinal);
        Assert.True(e.IsNewer);
    }

    [Fact]
    public void Compute_CheckValue_IsThatOfTheStandard() =>
        Assert.Equal(0xE3069283, Crc32C.Compute("123456789"u8)); // RFC 3720's polynomial; the catalogue's check value.

    // Records compare buffers by reference; their text shows contents.
    private static string Text(Record record) => record switch
    {
        ValueHeld value => $"{value.Number} {value.Field} {Hex(value.Json)}",
        InputHeld input => Hex(input.Json),
        OutputHeld output => $"{output.Turn} {output.Index} {output.IsPartial} {Hex(output.Json)}",
        TurnStarted turn => $"{turn with { Values = [], Fields = [] }} {string.Join(' ', turn.Values)}",
        TurnFinished turn => $"{turn.Turn} {turn.Ending} {turn.Digest} {Hex(turn.Shape)}",
        OutputNamed named => $"{named.Turn} {named.Rendering} {string.Join(' ', named.Ids.Select(id => id ?? "none"))}",
        _ => record.ToString(),
    };

    private static string Hex(ReadOnlyMemory<byte> bytes) => Convert.ToHexString(bytes.Span);
}
