namespace Evergrain.Frontend.Sockets;

/// <summary>
/// Bounds the frames of one connection that bring no create: pings, pongs, pieces of next to nothing, cancels and
/// messages that nobody understands. It follows the frames in the bytes as they pass, since a WebSocket reports no
/// control frame.
/// </summary>
/// <remarks>One loop reads a connection, so only one thread at a time is here.</remarks>
internal sealed class FrameRate(TimeProvider time)
{
    /// <summary>
    /// Such frames in one second. A client sends a ping in some seconds and a cancel in some turns. Each takes some
    /// 10 µs of a processor, so a connection at the bound takes 2 ms of each second.
    /// </summary>
    public const int FramesMax = 200;

    // A client that sends a message in pieces sends kilobytes at a time.
    private const int PieceBytesMin = 126;

    private const int Ping = 9;
    private const int Close = 8;
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(1);

    // The frame that is passing: bytes seen of its head, where the length and the head end, payload still to come.
    private int _seen;
    private int _lengthEnd;
    private int _headEnd;
    private byte _first;
    private long _length;
    private long _payload;

    private long _begun;
    private int _count;

    /// <summary>Whether more came in one second than may; it stays so.</summary>
    public bool IsOver { get; private set; }

    /// <summary>Whether the peer's close frame has passed.</summary>
    public bool HasClosed { get; private set; }

    /// <summary>Takes note of bytes that came from the peer, in order.</summary>
    public void Pass(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            if (_payload > 0)
            {
                var passed = (int)Math.Min(_payload, bytes.Length);
                _payload -= passed;
                bytes = bytes[passed..];
                continue;
            }

            ReadHead(bytes[0]);
            bytes = bytes[1..];
        }
    }

    /// <summary>Counts one frame or message that brings no create.</summary>
    public void Count()
    {
        var now = time.GetTimestamp();
        if (_count == 0 || time.GetElapsedTime(_begun, now) >= Window)
        {
            (_begun, _count) = (now, 0);
        }

        IsOver |= ++_count > FramesMax;
    }

    // Source: RFC 6455, section 5.2.
    private void ReadHead(byte next)
    {
        _seen++;
        if (_seen == 1)
        {
            _first = next;
            return;
        }

        if (_seen == 2)
        {
            var length = next & 0x7f;
            _lengthEnd = length switch
            {
                126 => 4,
                127 => 10,
                _ => 2,
            };
            _headEnd = _lengthEnd + ((next & 0x80) == 0 ? 0 : 4);
            _length = _lengthEnd == 2 ? length : 0;
        }
        else if (_seen <= _lengthEnd)
        {
            _length = (_length << 8) | next;
        }

        if (_seen == _headEnd)
        {
            EndHead();
        }
    }

    private void EndHead()
    {
        var (opcode, isLast) = (_first & 0x0f, (_first & 0x80) != 0);
        (_payload, _seen) = (_length, 0);
        HasClosed |= opcode == Close;
        if (opcode >= Ping || (!isLast && _length < PieceBytesMin))
        {
            Count();
        }
    }
}
