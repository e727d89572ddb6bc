using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Evergrain.Load.Client;
using Evergrain.Load.Server;

namespace Evergrain.Cluster.Wire;

/// <summary>
/// A model server whose answer comes in pieces, a fixed time apart; each piece says when it was sent, by this process's
/// clock.
/// </summary>
/// <param name="deltas">How many pieces the answer has.</param>
internal sealed class TimedUpstream(int deltas) : DiscardingUpstream(deltas)
{
    private static readonly byte[] EventEnd = "\n\n"u8.ToArray();

    private readonly ManualResetEvent _stopped = new(initialState: false);

    /// <summary>How long before each piece; zero: all at once.</summary>
    public TimeSpan Interval { get; set; }

    /// <summary>When a delta that reached a client was sent.</summary>
    public static long SentAt(ReadOnlySpan<byte> frame)
    {
        var text = Conversation.Text(frame, "\"delta\":\"@"u8);
        return long.Parse(text, CultureInfo.InvariantCulture);
    }

    protected override void Send(Socket connection, ReadOnlySpan<byte> answer)
    {
        var pieces = answer.ToArray().AsSpan();
        while (pieces.Length > 0)
        {
            var end = pieces.IndexOf(EventEnd);
            var piece = end < 0 ? pieces : pieces[..(end + EventEnd.Length)];
            pieces = pieces[piece.Length..];
            if (piece.IndexOf(DeltaText) is var at and >= 0)
            {
                _ = Interval > TimeSpan.Zero && _stopped.WaitOne(Interval);
                Stamp(piece.Slice(at, DeltaText.Length));
            }

            base.Send(connection, piece);
        }
    }

    protected override void Dispose(bool isDisposing)
    {
        _stopped.Set();
        base.Dispose(isDisposing);
        _stopped.Dispose();
    }

    /// <summary>Writes the time over a delta's text, which keeps its length.</summary>
    private static void Stamp(Span<byte> text)
    {
        var time = Stopwatch.GetTimestamp().ToString(CultureInfo.InvariantCulture).PadLeft(text.Length - 1, '0');
        Encoding.ASCII.GetBytes("@" + time, text);
    }
}
