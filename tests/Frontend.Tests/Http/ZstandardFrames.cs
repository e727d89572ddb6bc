using System.Numerics;

namespace Evergrain.Frontend.Tests.Http;

/// <summary>Writes Zstandard by hand: runs of one byte as such, everything else as it is.</summary>
/// <remarks>Source: RFC 8878, frame and block headers.</remarks>
internal static class ZstandardFrames
{
    private const int BlockBytesMax = 128 << 10;

    /// <summary>A create of 2,516 bytes as zstd 1.5.4 packs it by default: compressed blocks, size and sum.</summary>
    public static byte[] OfItsOwnProgram => Convert.FromBase64String(
        "KLUv/QRYfQcAkkskH1Bp2wZGY8TttO2T/xMyFsdqZkKRdsopr4zllDIzs58NojmiOWKlFjk6RwupHTGH6yVhiWYwLKSqqqqqmpmZmZmJ" +
        "iIiIiAYFBAMCAZp4B6twu7VI37HSGQq1rZNrnXZZdp2QvlbYPrYIi9WlU/AB3ME44ee9thcnbpxtW/x8FbMzh/NeLCu5cVb2+Lnag5Uz" +
        "ASgggDOKDzsl0qXEIklIF4mlJJEuJBZJQrpILCSJdJFYShLpQmKRJEuXMkosZJQkY5QuYpRYwihJwChdviixeFGSdFECcSEdJAaSQDqQ" +
        "GCQB6SAxSIIu9/42ngEVHc0Q");

    /// <summary>What may stand beside a body's frames, and what may not.</summary>
    public static byte[] Of(string kind) => kind switch
    {
        "empty" => Pack([]),
        "skippable" => [0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3],
        "header" => Pack([])[..5],
        "garbage" => [1, 2, 3, 4, 5, 6],
        _ => [],
    };

    public static byte[] Pack(byte[] bytes, int windowMebibytes = 8)
    {
        // Magic number; no checksum, no content size; the window's power of two over 1 KiB.
        var window = (byte)((BitOperations.Log2((uint)windowMebibytes) + 10) << 3);
        var frame = new List<byte> { 0x28, 0xb5, 0x2f, 0xfd, 0x00, window };
        var at = 0;
        do
        {
            var block = bytes.AsSpan(at, Math.Min(BlockBytesMax, bytes.Length - at));
            var isRun = block.Length > 0 && !block.ContainsAnyExcept(block[0]);
            at += block.Length;
            var header = (block.Length << 3) | (isRun ? 1 << 1 : 0) | (at == bytes.Length ? 1 : 0);
            frame.AddRange([(byte)header, (byte)(header >> 8), (byte)(header >> 16)]);
            frame.AddRange(isRun ? block[..1] : block);
        }
        while (at < bytes.Length);

        return [.. frame];
    }
}
