using System.IO.Compression;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Turns;

namespace Evergrain.Frontend.Http;

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
    public static Func<RentedBuffer, IUnpacking>? Find(string encoding) => encoding.ToLowerInvariant() switch
    {
        "" or "identity" => null,
        "gzip" or "x-gzip" => static packed => new Gzip(packed.Segment),
        "zstd" when Zstandard.Library is { } library => library.Open,
        _ => throw ConversationException.Of(RefusalKind.UnsupportedMedia,
            $"The Content-Encoding '{RoutingFields.Shorten(encoding)}' is not taken: send one of {Accepted}, or none."),
    };

    private sealed class Gzip(ArraySegment<byte> packed) : IUnpacking
    {
        private readonly GZipStream _gzip = new(
            new MemoryStream(packed.Array!, packed.Offset, packed.Count, writable: false), CompressionMode.Decompress);

        public bool Step(RentedBuffer body)
        {
            var read = _gzip.Read(body.Free().Span);
            body.Advance(read);
            return read > 0;
        }

        public void Dispose() => _gzip.Dispose();
    }
}
