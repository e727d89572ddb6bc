using System.Buffers;

namespace Evergrain.Providers.Chat;

/// <summary>
/// A text that comes as the insides of JSON strings, piece by piece. Pieces go on as they are spelled; a character
/// whose two escapes are in two pieces goes with the second, and half a character becomes U+FFFD: many JSON readers
/// refuse it.
/// </summary>
internal sealed class StreamedText
{
    private static ReadOnlySpan<byte> Replacement => "\\ufffd"u8;

    private readonly ArrayBufferWriter<byte> _whole = new();
    private readonly byte[] _high = new byte[JsonContent.EscapeLength];
    private bool _holdsHigh;

    /// <summary>What can go on now.</summary>
    /// <param name="piece">The inside of a well-formed JSON string.</param>
    /// <returns>Valid until the next call.</returns>
    public ReadOnlySpan<byte> Next(ReadOnlySpan<byte> piece)
    {
        if (piece.IsEmpty || (!_holdsHigh && piece.IndexOf("\\u"u8) < 0))
        {
            return piece;
        }

        _whole.ResetWrittenCount();
        if (_holdsHigh)
        {
            _holdsHigh = false;
            var isPair = Surrogates.IsLow(JsonContent.UnitOf(piece));
            _whole.Write(isPair ? _high : Replacement);
            _whole.Write(isPair ? piece[..JsonContent.EscapeLength] : default);
            piece = isPair ? piece[JsonContent.EscapeLength..] : piece;
        }

        while (!piece.IsEmpty)
        {
            piece = piece[Take(piece)..];
        }

        return _whole.WrittenSpan;
    }

    /// <summary>What is left when no piece follows.</summary>
    public ReadOnlySpan<byte> End()
    {
        var left = _holdsHigh ? Replacement : default;
        _holdsHigh = false;
        return left;
    }

    /// <summary>Takes text up to and with the next escape; gives its length.</summary>
    private int Take(ReadOnlySpan<byte> piece)
    {
        var run = piece.IndexOf(JsonContent.Escape);
        if (run < 0)
        {
            _whole.Write(piece);
            return piece.Length;
        }

        _whole.Write(piece[..run]);
        return run + TakeEscape(piece[run..]);
    }

    private int TakeEscape(ReadOnlySpan<byte> piece)
    {
        const int one = JsonContent.EscapeLength, pair = 2 * one;
        if (piece[1] != 'u')
        {
            _whole.Write(piece[..2]);
            return 2;
        }

        var unit = JsonContent.UnitOf(piece);
        if (Surrogates.IsHigh(unit) && piece.Length == one)
        {
            piece.CopyTo(_high);
            _holdsHigh = true;
            return one;
        }

        if (Surrogates.IsHigh(unit) && Surrogates.IsLow(JsonContent.UnitOf(piece[one..])))
        {
            _whole.Write(piece[..pair]);
            return pair;
        }

        _whole.Write(Surrogates.IsHigh(unit) || Surrogates.IsLow(unit) ? Replacement : piece[..one]);
        return one;
    }
}
