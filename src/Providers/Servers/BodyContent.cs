using System.Buffers;
using System.Net;
using System.Net.Http.Headers;

namespace Evergrain.Providers.Servers;

/// <summary>
/// A call's body on its way out: bytes that exist already, copied through one pooled buffer whatever their length.
/// </summary>
internal sealed class BodyContent : HttpContent
{
    // A fresh one stays below the 64 KB that a body may allocate. Larger ones gain little: bench/Micro, BodyBenchmarks.
    private const int BufferBytes = 32 << 10;

    private readonly RequestBody _body;
    private readonly TimeProvider _time;
    private readonly ModelServerInstruments _instruments;

    public BodyContent(RequestBody body, TimeProvider time, ModelServerInstruments instruments)
    {
        (_body, _time, _instruments) = (body, time, instruments);
        Headers.ContentType = new MediaTypeHeaderValue("application/json");
        Headers.ContentLength = BodyReader.LengthOf(body);
    }

    protected override bool TryComputeLength(out long length)
    {
        length = BodyReader.LengthOf(_body);
        return true;
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(
        Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        var (begun, copying, bytes) = (_time.GetTimestamp(), TimeSpan.Zero, 0L);
        try
        {
            using var reader = new BodyReader(_body);
            while (true)
            {
                var before = _time.GetTimestamp();
                var count = reader.Read(buffer.AsSpan(0, BufferBytes));
                copying += _time.GetElapsedTime(before);
                if (count == 0)
                {
                    return;
                }

                bytes += count;
                await stream.WriteAsync(buffer.AsMemory(0, count), cancellationToken);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
            _instruments.BodyCopied(bytes, copying, _time.GetElapsedTime(begun));
        }
    }
}

/// <summary>Reads a body's parts as one run of bytes.</summary>
internal sealed class BodyReader(RequestBody body) : IDisposable
{
    private readonly IEnumerator<ReadOnlyMemory<byte>> _chunks = body.Context.Chunks().GetEnumerator();
    private ReadOnlyMemory<byte> _part = body.Head;
    private Step _step = Step.Head;
    private int _skipped = body.Skipped;

    private enum Step
    {
        Head,
        Context,
        Tail,
    }

    public static long LengthOf(RequestBody body) => body.Head.Length + body.Context.Bytes + body.Tail.Length -
        body.Skipped;

    /// <summary>Fills a buffer, or as much of it as is left; 0 at the end.</summary>
    public int Read(Span<byte> buffer)
    {
        var filled = 0;
        while (filled < buffer.Length)
        {
            if (_part.IsEmpty)
            {
                if (!MoveNext())
                {
                    break;
                }

                continue;
            }

            var count = Math.Min(_part.Length, buffer.Length - filled);
            _part.Span[..count].CopyTo(buffer[filled..]);
            _part = _part[count..];
            filled += count;
        }

        return filled;
    }

    public void Dispose() => _chunks.Dispose();

    private bool MoveNext()
    {
        if (_step == Step.Tail)
        {
            return false;
        }

        if (_chunks.MoveNext())
        {
            (_step, _part) = (Step.Context, _chunks.Current);
            if (_skipped > 0 && !_part.IsEmpty)
            {
                // What is left out is of one item.
                (_skipped, _part) = (0, _part[_skipped..]);
            }
        }
        else
        {
            (_step, _part) = (Step.Tail, body.Tail);
        }

        return true;
    }
}
