using System.IO.Compression;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Turns;
using ZstdSharp;
using ZstdSharp.Unsafe;

namespace Evergrain.Frontend.Http;

/// <summary>Unpacks request bodies: <c>gzip</c> and <c>zstd</c>.</summary>
internal static class BodyEncoding
{
    /// <summary>The encodings taken, as <c>Accept-Encoding</c> lists them.</summary>
    /// <remarks>Source: RFC 9110 15.5.16: an answer 415 says so.</remarks>
    public const string Accepted = "gzip, zstd";

    // Source: RFC 9659: a zstd body needs a window of at most 8 MiB. It bounds the memory that unpacking takes.
    private const int WindowLogMax = 23;

    static BodyEncoding()
    {
        // Without it a gzip stream that was cut off ends like a whole one. Read with the process's first stream.
        const string strict = "System.IO.Compression.UseStrictValidation";
        if (!AppContext.TryGetSwitch(strict, out _))
        {
            AppContext.SetSwitch(strict, true);
        }
    }

    /// <summary>How to unpack what a <c>Content-Encoding</c> names; null: there is nothing to unpack.</summary>
    /// <exception cref="ConversationException">The encoding is not taken, or there are several.</exception>
    public static Func<Stream, Stream>? Find(string encoding) => encoding.ToLowerInvariant() switch
    {
        "" or "identity" => null,
        "gzip" or "x-gzip" => static packed => new GZipStream(packed, CompressionMode.Decompress),
        "zstd" => OpenZstandard,
        _ => throw ConversationException.Of(RefusalKind.UnsupportedMedia,
            $"The Content-Encoding '{RoutingFields.Shorten(encoding)}' is not taken: send one of {Accepted}, or none."),
    };

    /// <summary>Whether a stream threw this because what it read is broken or cut off.</summary>
    public static bool IsBroken(Exception thrown) =>
        thrown is InvalidDataException or EndOfStreamException or ZstdException;

    private static DecompressionStream OpenZstandard(Stream packed)
    {
        var unpacked = new DecompressionStream(packed);
        unpacked.SetParameter(ZSTD_dParameter.ZSTD_d_windowLogMax, WindowLogMax);
        return unpacked;
    }
}
