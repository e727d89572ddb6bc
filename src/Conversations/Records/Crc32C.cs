using System.Numerics;
using System.Runtime.InteropServices;

namespace Evergrain.Conversations.Records;

/// <summary>CRC-32C (Castagnoli), as iSCSI and ext4 use it: RFC 3720, section 12.1.</summary>
internal static class Crc32C
{
    /// <summary>Where a checksum in several steps begins; its end is the complement of the last step.</summary>
    public const uint Begin = uint.MaxValue;

    public static uint Compute(ReadOnlySpan<byte> bytes) => ~Append(Begin, bytes);

    /// <summary>The next step of a checksum.</summary>
    public static uint Append(uint crc, ReadOnlySpan<byte> bytes)
    {
        var words = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (var word in words)
        {
            crc = BitOperations.Crc32C(crc, BitConverter.IsLittleEndian ? word : BinaryReverse(word));
        }

        foreach (var value in bytes[(words.Length * sizeof(ulong))..])
        {
            crc = BitOperations.Crc32C(crc, value);
        }

        return crc;
    }

    private static ulong BinaryReverse(ulong word) => System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(word);
}
