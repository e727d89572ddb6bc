using System.Buffers;

namespace Evergrain.Providers.Servers;

/// <summary>Reads bodies that another server chose the length of.</summary>
internal static class BoundedRead
{
    private const int PieceBytes = 4 << 10;

    /// <summary>Reads to the end, or until more than a bound was read.</summary>
    /// <returns>The bytes, at most the bound; and whether that is all there was.</returns>
    public static async ValueTask<(ReadOnlyMemory<byte> Bytes, bool IsWhole)> ReadAsync(
        Stream stream, int bytesMax, CancellationToken cancellationToken)
    {
        var read = new ArrayBufferWriter<byte>(PieceBytes);
        while (read.WrittenCount <= bytesMax)
        {
            var count = await stream.ReadAsync(read.GetMemory(PieceBytes)[..PieceBytes], cancellationToken);
            if (count == 0)
            {
                return (read.WrittenMemory, true);
            }

            read.Advance(count);
        }

        return (read.WrittenMemory[..bytesMax], false);
    }
}
