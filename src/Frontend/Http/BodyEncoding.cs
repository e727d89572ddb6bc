using System.IO.Compression;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Turns;

namespace Evergrain.Frontend.Http;

/// <summary>Unpacks a whole body into another buffer, which waits for room as it grows.</summary>
/// <exception cref="InvalidDataException">What is packed is broken or cut off.</exception>
internal delegate ValueTask Unpack(RentedBuffer packed, RentedBuffer body, CancellationToken cancellationToken);

/// <summary>Unpacks request bodies: <c>gzip</c>, and <c>zstd</c> where the system's library for it loads.</summary>
internal static class BodyEncoding
{
    static BodyEncoding()
    {
        // Without it a gzip stream that was cut off ends like a whole one. Read with the process's first stream.
        const string strict = "System.IO.Compression.UseStrictValidation";
        if (!AppContext.TryGetSwitch(strict, out _))
        {
            AppContext.SetSwitch(strict, true);
        }
    }

    /// <summary>The encodings taken, as <c>Accept-Encoding</c> lists them.</summary>
    /// <remarks>Source: RFC 9110 15.5.16: an answer 415 says so.</remarks>
    public static string Accepted { get; } = Zstandard.Library is null ? "gzip" : "gzip, zstd";

    /// <summary>How to unpack what a <c>Content-Encoding</c> names; null: there is nothing to unpack.</summary>
    /// <exception cref="ConversationException">The encoding is not taken, or there are several.</exception>
    public static Unpack? Find(string encoding) => encoding.ToLowerInvariant() switch
    {
        "" or "identity" => null,
        "gzip" or "x-gzip" => UnpackGzipAsync,
        "zstd" when Zstandard.Library is { } library => library.UnpackAsync,
        _ => throw ConversationException.Of(RefusalKind.UnsupportedMedia,
            $"The Content-Encoding '{RoutingFields.Shorten(encoding)}' is not taken: send one of {Accepted}, or none."),
    };

    private static async ValueTask UnpackGzipAsync(RentedBuffer packed, RentedBuffer body,
        CancellationToken cancellationToken)
    {
        var bytes = packed.Segment;
        using var source = new MemoryStream(bytes.Array!, bytes.Offset, bytes.Count, writable: false);
        await using var gzip = new GZipStream(source, CompressionMode.Decompress);
        var read = 1;
        while (!body.IsOverLong && read > 0)
        {
            await body.MakeRoomAsync(1, cancellationToken);
            read = await gzip.ReadAsync(body.Free(), cancellationToken);
            body.Advance(read);
        }
    }
}
