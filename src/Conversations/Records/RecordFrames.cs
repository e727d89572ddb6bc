using System.Buffers;
using System.Buffers.Binary;

namespace Evergrain.Conversations.Records;

/// <summary>
/// How records stand in a journal: frames, one behind the other, the last of an append marked.
/// </summary>
/// <remarks>
/// A frame is a header of 12 bytes and a body. Header: body length, CRC-32C of those four bytes, CRC-32C of the body,
/// each 32 bits little-endian. Body: format, record kind (its top bit set on the last record of an append), payload.
/// From format 2 on a payload ends in its fields and their length (<see cref="RecordField"/>). From format 3 on the
/// body's checksum is that of the conversation's id (16 bytes, little-endian), its tenant in UTF-8, a zero byte and the
/// body (<see cref="RecordOwner"/>). A frame's length has a
/// checksum of its own, so that a flipped bit in it is not taken for a torn tail.
/// </remarks>
internal static class RecordFrames
{
    public const int HeaderBytes = 12;
    private const int BodyHeaderBytes = 2;
    private const byte LastOfAppend = 0x80;

    /// <summary>Frames records as one append, in a format from <see cref="RecordFormat.First"/> on.</summary>
    /// <exception cref="InvalidOperationException">
    /// A record is larger than <see cref="Limits.RecordBytesMax"/>, or has fields that the format cannot hold.
    /// </exception>
    public static ReadOnlyMemory<byte> Write(
        IReadOnlyList<Record> records, RecordOwner owner, int format = RecordFormat.Newest, int sizeHint = 1024)
    {
        var output = new ArrayBufferWriter<byte>(sizeHint);
        var payload = new ArrayBufferWriter<byte>(1024);
        for (var i = 0; i < records.Count; i++)
        {
            payload.ResetWrittenCount();
            var kind = (byte)records[i].Kind;
            payload.Write([(byte)format, i == records.Count - 1 ? (byte)(kind | LastOfAppend) : kind]);
            RecordCodec.Write(records[i], new PayloadWriter(payload));
            WriteFields(records[i], format, payload);
            WriteFrame(output, payload.WrittenSpan, owner);
        }

        return output.WrittenMemory;
    }

    /// <summary>Reads the records of one append, which must be whole.</summary>
    /// <exception cref="JournalCorruptException">A frame is damaged, cut, or of an unknown version or kind.</exception>
    public static List<Record> Read(ReadOnlyMemory<byte> append, RecordOwner owner)
    {
        var records = new List<Record>();
        var offset = 0;
        while (NextFrame(append.Span[offset..], owner, offset) is { } length)
        {
            var body = append.Slice(offset + HeaderBytes, length);
            records.Add(ReadBody(body, offset));
            offset += HeaderBytes + length;
            if ((body.Span[1] & LastOfAppend) != 0 && offset == append.Length)
            {
                return records;
            }
        }

        throw new JournalCorruptException(offset, "the append is cut short");
    }

    /// <summary>
    /// For stores that are plain bytes: how many of them are whole appends. What follows is a torn tail, to be cut.
    /// </summary>
    /// <exception cref="JournalCorruptException">A frame before the tail is damaged: that is never a torn
    /// write.</exception>
    public static int WholeLength(ReadOnlySpan<byte> stream, RecordOwner owner)
    {
        var whole = 0;
        var offset = 0;
        while (NextFrame(stream[offset..], owner, offset) is { } length)
        {
            var isLast = (stream[offset + HeaderBytes + 1] & LastOfAppend) != 0;
            offset += HeaderBytes + length;
            whole = isLast ? offset : whole;
        }

        return whole;
    }

    private static void WriteFields(Record record, int format, ArrayBufferWriter<byte> payload)
    {
        var fields = ContinuesInputField.AddTo(
            record, ChangedTurnField.AddTo(record, RecognisedField.AddTo(record, TagField.AddTo(record))));
        if (format > RecordFormat.First)
        {
            RecordField.WriteAll(fields, payload);
        }
        else if (fields.Count > 0)
        {
            throw new InvalidOperationException($"format {format} cannot hold the fields of a {record.Kind} record");
        }
    }

    private static void WriteFrame(ArrayBufferWriter<byte> output, ReadOnlySpan<byte> body, RecordOwner owner)
    {
        if (body.Length > Limits.RecordBytesMax)
        {
            throw new InvalidOperationException($"a record of {body.Length} bytes is over {Limits.RecordBytesMax}");
        }

        var frame = output.GetSpan(HeaderBytes + body.Length);
        BinaryPrimitives.WriteInt32LittleEndian(frame, body.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(frame[4..], Crc32C.Compute(frame[..4]));
        BinaryPrimitives.WriteUInt32LittleEndian(frame[8..], owner.Checksum(body));
        body.CopyTo(frame[HeaderBytes..]);
        output.Advance(HeaderBytes + body.Length);
    }

    /// <summary>The body length of the frame that begins here; null where the bytes end inside it.</summary>
    private static int? NextFrame(ReadOnlySpan<byte> bytes, RecordOwner owner, int offset)
    {
        if (bytes.Length < HeaderBytes)
        {
            return null;
        }

        var length = BinaryPrimitives.ReadInt32LittleEndian(bytes);
        if (Crc32C.Compute(bytes[..4]) != BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]) ||
            length is < BodyHeaderBytes or > Limits.RecordBytesMax)
        {
            throw new JournalCorruptException(offset, "a frame's length is damaged");
        }

        if (bytes.Length - HeaderBytes < length)
        {
            return null;
        }

        var body = bytes.Slice(HeaderBytes, length);
        return owner.Checksum(body) == BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..])
            ? length
            : throw new JournalCorruptException(offset,
                "a record's checksum does not match, or the record is another conversation's");
    }

    private static Record ReadBody(ReadOnlyMemory<byte> body, int offset)
    {
        var (format, kind) = (body.Span[0], (RecordKind)(body.Span[1] & ~LastOfAppend));
        if (format is < RecordFormat.First or > RecordFormat.Newest)
        {
            throw new JournalCorruptException(offset, $"format version {format} is not known to this program, which " +
                $"reads {RecordFormat.First} to {RecordFormat.Newest}", isNewer: format > RecordFormat.Newest);
        }

        try
        {
            return ReadPayload(kind, format, body[BodyHeaderBytes..]);
        }
        catch (Exception e) when (e is FormatException or OverflowException or ArgumentException)
        {
            throw new JournalCorruptException(offset, e.Message, isNewer: e is UnknownRecordException);
        }
    }

    private static Record ReadPayload(RecordKind kind, int format, ReadOnlyMemory<byte> payload)
    {
        if (format == RecordFormat.First)
        {
            return RecordCodec.Read(kind, payload);
        }

        var (before, fields) = RecordField.Split(payload);
        var record = RecordCodec.Read(kind, before);
        if (fields.Count == 0)
        {
            return record;
        }

        (record, fields) = TagField.TakeFrom(record, fields);
        (record, fields) = RecognisedField.TakeFrom(record, fields);
        (record, fields) = ContinuesInputField.TakeFrom(record, fields);
        (record, fields) = ChangedTurnField.TakeFrom(record, fields);
        return fields.FirstOrDefault(static field => field.IsCritical) is { } critical
            ? throw new UnknownRecordException(
                $"the critical field '{critical.Name}' of a {kind} record is not known to this program")
            : fields.Count == 0 ? record : record with { Fields = fields };
    }
}
