using System.Buffers.Binary;
using System.Numerics;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;

namespace Evergrain.Providers.Azure;

/// <summary>What a block of a tail is.</summary>
internal enum BlockKind : byte
{
    /// <summary>An append.</summary>
    Append = 1,

    /// <summary>The last block of a tail: what stands before it is being sealed.</summary>
    Rolling = 2,
}

/// <summary>A block as it stands in a tail; one behind the other they are also an extent.</summary>
/// <remarks>
/// A header of 40 bytes and the records. Header: the letters <c>EGB</c> and the kind; the length of the records;
/// position, writer and 64 random bits; zeros; a CRC-32C of all before it. Numbers are little-endian. Records have
/// checksums of their own.
/// </remarks>
/// <param name="Kind">What it is.</param>
/// <param name="Entry">The append; of a rolling block only the position counts.</param>
/// <param name="Nonce">By what its writer knows it among others of the same place and writer.</param>
internal readonly record struct Block(BlockKind Kind, JournalEntry Entry, ulong Nonce)
{
    public const int HeaderBytes = 40;

    private const uint Mark = 0x42_47_45; // "EGB"
    private const int LengthAt = 4;
    private const int PositionAt = 8;
    private const int WriterAt = 16;
    private const int NonceAt = 24;
    private const int ChecksumAt = 36;

    /// <summary>Whether it is the same append, and not only one of the same place and writer.</summary>
    public bool IsSame(Block other) => Nonce == other.Nonce && Kind == other.Kind &&
        Entry.Position == other.Entry.Position && Entry.Writer == other.Entry.Writer;

    /// <summary>Its bytes in a tail.</summary>
    public byte[] Write()
    {
        var bytes = new byte[HeaderBytes + Entry.Records.Length];
        var header = bytes.AsSpan();
        BinaryPrimitives.WriteUInt32LittleEndian(header, Mark | ((uint)Kind << 24));
        BinaryPrimitives.WriteInt32LittleEndian(header[LengthAt..], Entry.Records.Length);
        BinaryPrimitives.WriteInt64LittleEndian(header[PositionAt..], Entry.Position);
        BinaryPrimitives.WriteUInt64LittleEndian(header[WriterAt..], Entry.Writer);
        BinaryPrimitives.WriteUInt64LittleEndian(header[NonceAt..], Nonce);
        BinaryPrimitives.WriteUInt32LittleEndian(header[ChecksumAt..], ChecksumOf(header));
        Entry.Records.Span.CopyTo(header[HeaderBytes..]);
        return bytes;
    }

    /// <summary>How many bytes of records follow a header.</summary>
    /// <exception cref="JournalCorruptException">It is no header.</exception>
    public static int LengthOf(ReadOnlySpan<byte> header)
    {
        var isWhole = header.Length >= HeaderBytes &&
            (BinaryPrimitives.ReadUInt32LittleEndian(header) & 0xff_ff_ff) == Mark &&
            BinaryPrimitives.ReadUInt32LittleEndian(header[ChecksumAt..]) == ChecksumOf(header);
        return isWhole ? BinaryPrimitives.ReadInt32LittleEndian(header[LengthAt..])
            : throw new JournalCorruptException("a block's header does not have its checksum");
    }

    /// <summary>The blocks of a tail or an extent, which must follow each other.</summary>
    /// <param name="bytes">All of them.</param>
    /// <param name="begin">Where the log ended before the first.</param>
    /// <exception cref="JournalCorruptException">They do not.</exception>
    public static List<Block> ReadAll(ReadOnlyMemory<byte> bytes, JournalEnd begin)
    {
        var blocks = new List<Block>();
        var next = begin.Position;
        while (!bytes.IsEmpty)
        {
            var length = LengthOf(bytes.Span);
            if (length < 0 || HeaderBytes + (long)length > bytes.Length)
            {
                throw new JournalCorruptException($"append {next} is cut short");
            }

            var block = Read(bytes[..(HeaderBytes + length)]);
            if (block.Entry.Position != next || (blocks.Count > 0 && blocks[^1].Kind != BlockKind.Append))
            {
                throw new JournalCorruptException($"append {next} is missing");
            }

            next = block.Kind == BlockKind.Append ? next + 1 : next;
            blocks.Add(block);
            bytes = bytes[(HeaderBytes + length)..];
        }

        return blocks;
    }

    private static Block Read(ReadOnlyMemory<byte> bytes)
    {
        var header = bytes.Span;
        var kind = (BlockKind)header[3];
        return kind is not (BlockKind.Append or BlockKind.Rolling)
            ? throw new JournalCorruptException(0, $"a block of kind {(byte)kind}", isNewer: true)
            : new Block(kind, new JournalEntry(
                BinaryPrimitives.ReadInt64LittleEndian(header[PositionAt..]),
                BinaryPrimitives.ReadUInt64LittleEndian(header[WriterAt..]), bytes[HeaderBytes..]),
                BinaryPrimitives.ReadUInt64LittleEndian(header[NonceAt..]));
    }

    private static uint ChecksumOf(ReadOnlySpan<byte> header)
    {
        var crc = uint.MaxValue;
        for (var at = 0; at < ChecksumAt; at += sizeof(uint))
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt32LittleEndian(header[at..]));
        }

        return ~crc;
    }
}
