using System.Buffers;
using System.Globalization;

namespace Evergrain.Conversations.Items;

/// <summary>
/// Writes a JSON number as ECMAScript's <c>Number::toString</c> does (ECMA-262 section 6.1.6.1.20), worked out on
/// the decimal digits: up to 15 of them survive a double unchanged, so no double is needed.
/// </summary>
internal static class CanonicalNumber
{
    /// <summary>A double holds every decimal of so many significant digits; one with more keeps its spelling.</summary>
    private const int DigitsMax = 15;

    /// <summary>Beyond 1e±300, a little inside a double's range, a number keeps its spelling.</summary>
    private const int ExponentMax = 300;

    /// <summary>More than any count of digits can bring back into range; the sum below cannot overflow.</summary>
    private const long ExponentReadMax = 1_000_000_000_000;

    /// <summary>Longer than any result: a sign, 15 digits, a point and six zeros, or 21 digits.</summary>
    private const int LengthMax = 32;

    /// <summary>Writes a number.</summary>
    /// <param name="text">A JSON number.</param>
    /// <param name="output">Takes the canonical spelling.</param>
    public static void Write(ReadOnlySpan<byte> text, IBufferWriter<byte> output)
    {
        if (text.Length <= DigitsMax && !text.ContainsAnyExceptInRange((byte)'0', (byte)'9'))
        {
            output.Write(text);
            return;
        }

        Span<byte> buffer = stackalloc byte[DigitsMax];
        if (!TryRead(text, buffer, out var length, out var exponent))
        {
            output.Write(text);
            return;
        }

        if (length == 0)
        {
            output.Write("0"u8);
            return;
        }

        if (text[0] == '-')
        {
            output.Write("-"u8);
        }

        output.Advance(Format(buffer[..length], exponent, output.GetSpan(LengthMax)));
    }

    /// <summary>Reads the value as 0.d₁d₂… × 10^<paramref name="exponent"/>, d₁ and the last digit not 0.</summary>
    /// <returns>False if the number keeps its spelling.</returns>
    private static bool TryRead(ReadOnlySpan<byte> text, Span<byte> digits, out int length, out int exponent)
    {
        var mark = text.IndexOfAny((byte)'e', (byte)'E');
        var mantissa = mark < 0 ? text : text[..mark];
        exponent = 0;
        if (!TryReadMantissa(mantissa, digits, out length, out var scale))
        {
            return false;
        }

        if (length == 0)
        {
            return true;
        }

        var total = scale + (mark < 0 ? 0 : ReadExponent(text[(mark + 1)..]));
        var isLimit = length == 1 && digits[0] == '1';
        var last = isLimit ? ExponentMax + 1 : ExponentMax;
        if (total <= -ExponentMax || total > last)
        {
            return false;
        }

        exponent = (int)total;
        return true;
    }

    private static bool TryReadMantissa(ReadOnlySpan<byte> mantissa, Span<byte> digits, out int length, out long scale)
    {
        digits.Fill((byte)'0');
        length = 0;
        scale = 0;
        var seen = 0;
        var step = 1; // What one more digit adds to the scale: 1 before the point; a zero behind it takes 1 away.
        foreach (var c in mantissa.TrimStart((byte)'-'))
        {
            if (c == '.')
            {
                step = 0;
            }
            else if (seen == 0 && c == '0')
            {
                scale += step - 1;
            }
            else
            {
                scale += step;
                seen++;
                if (c != '0' && seen > digits.Length)
                {
                    return false;
                }

                if (c != '0')
                {
                    digits[seen - 1] = c;
                    length = seen;
                }
            }
        }

        return true;
    }

    private static long ReadExponent(ReadOnlySpan<byte> text)
    {
        long value = 0;
        foreach (var digit in text.TrimStart("+-"u8))
        {
            value = Math.Min((value * 10) + digit - '0', ExponentReadMax);
        }

        return text[0] == '-' ? -value : value;
    }

    /// <summary>The four shapes of Number::toString, whose <c>n</c> is <paramref name="exponent"/>.</summary>
    private static int Format(ReadOnlySpan<byte> digits, int exponent, Span<byte> target)
    {
        if (exponent is > 21 or <= -6)
        {
            return FormatScientific(digits, exponent - 1, target);
        }

        if (exponent <= 0)
        {
            var zeros = 2 - exponent;
            target[..zeros].Fill((byte)'0');
            target[1] = (byte)'.';
            digits.CopyTo(target[zeros..]);
            return zeros + digits.Length;
        }

        if (digits.Length <= exponent)
        {
            target[..exponent].Fill((byte)'0');
            digits.CopyTo(target);
            return exponent;
        }

        return FormatPoint(digits, exponent, target);
    }

    private static int FormatScientific(ReadOnlySpan<byte> digits, int power, Span<byte> target)
    {
        var length = digits.Length == 1 ? 1 : digits.Length + 1;
        if (digits.Length == 1)
        {
            target[0] = digits[0];
        }
        else
        {
            FormatPoint(digits, 1, target);
        }

        target[length++] = (byte)'e';
        target[length++] = (byte)(power < 0 ? '-' : '+');
        Math.Abs(power).TryFormat(target[length..], out var written, default, CultureInfo.InvariantCulture);
        return length + written;
    }

    private static int FormatPoint(ReadOnlySpan<byte> digits, int whole, Span<byte> target)
    {
        digits[..whole].CopyTo(target);
        target[whole] = (byte)'.';
        digits[whole..].CopyTo(target[(whole + 1)..]);
        return digits.Length + 1;
    }
}
