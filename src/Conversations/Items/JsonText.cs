using System.Buffers;
using System.Buffers.Text;
using System.Text;

namespace Evergrain.Conversations.Items;

/// <summary>
/// The inside of a JSON string as it was spelled. It is compared and written by value: <c>"\u0061"</c> is
/// <c>"a"</c>. The library cannot do this for an unpaired surrogate, which JSON allows in an escape.
/// </summary>
/// <param name="raw">Valid UTF-8 between the quotes, escapes included.</param>
/// <param name="escaped">Whether it holds an escape.</param>
internal readonly ref struct JsonText(ReadOnlySpan<byte> raw, bool escaped)
{
    private const byte Escape = (byte)'\\';
    private const int EscapeLength = 6;

    private readonly ReadOnlySpan<byte> _raw = raw;
    private readonly bool _escaped = escaped;

    /// <summary>Whether it is exactly these characters.</summary>
    /// <param name="plain">Text that needs no escape.</param>
    public bool Is(ReadOnlySpan<byte> plain) =>
        _escaped ? Compare(this, new JsonText(plain, escaped: false)) == 0 : _raw.SequenceEqual(plain);

    /// <summary>Orders by UTF-16 code units, as RFC 8785 section 3.2.3 sorts member names.</summary>
    public static int Compare(JsonText left, JsonText right) => left._escaped || right._escaped
        ? CompareUnits(left._raw, right._raw)
        : CompareBytes(left._raw, right._raw);

    /// <summary>Writes the string, quotes included, with the fewest escapes that RFC 8785 allows.</summary>
    public void WriteTo(IBufferWriter<byte> output)
    {
        output.Write("\""u8);
        if (_escaped)
        {
            WriteUnescaped(output);
        }
        else
        {
            output.Write(_raw); // JSON allows no raw control character, so nothing here needs an escape.
        }

        output.Write("\""u8);
    }

    private void WriteUnescaped(IBufferWriter<byte> output)
    {
        var target = output.GetSpan(_raw.Length); // No escape grows when it is written anew.
        var written = 0;
        var at = 0;
        while (at < _raw.Length)
        {
            var rest = _raw[at..];
            var run = rest.IndexOf(Escape);
            run = run < 0 ? rest.Length : run;
            rest[..run].CopyTo(target[written..]);
            at += run;
            written += run;
            if (at < _raw.Length)
            {
                written += WriteOneEscape(_raw, ref at, target[written..]);
            }
        }

        output.Advance(written);
    }

    private static int WriteOneEscape(ReadOnlySpan<byte> raw, ref int at, Span<byte> target)
    {
        var unit = ReadEscape(raw, ref at);
        if (char.IsHighSurrogate(unit) && raw[at..].StartsWith("\\u"u8))
        {
            var next = at;
            var low = ReadEscape(raw, ref next);
            if (char.IsLowSurrogate(low))
            {
                at = next;
                return new Rune(unit, low).EncodeToUtf8(target);
            }
        }

        return WriteUnit(unit, target);
    }

    private static int WriteUnit(char unit, Span<byte> target)
    {
        var letter = unit switch
        {
            '"' or '\\' => unit,
            '\b' => 'b',
            '\f' => 'f',
            '\n' => 'n',
            '\r' => 'r',
            '\t' => 't',
            _ => '\0',
        };
        if (letter != '\0')
        {
            target[0] = Escape;
            target[1] = (byte)letter;
            return 2;
        }

        if (unit >= ' ' && !char.IsSurrogate(unit))
        {
            return new Rune(unit).EncodeToUtf8(target);
        }

        "\\u"u8.CopyTo(target);
        ((int)unit).TryFormat(target[2..], out _, "x4");
        return EscapeLength;
    }

    /// <summary>The code unit that the escape at <paramref name="at"/> stands for; moves past it.</summary>
    private static char ReadEscape(ReadOnlySpan<byte> raw, ref int at)
    {
        var letter = (char)raw[at + 1];
        if (letter == 'u')
        {
            Utf8Parser.TryParse(raw.Slice(at + 2, 4), out int unit, out _, 'x'); // The reader has checked the digits.
            at += EscapeLength;
            return (char)unit;
        }

        at += 2;
        return letter switch
        {
            'b' => '\b',
            'f' => '\f',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            _ => letter,
        };
    }

    /// <summary>
    /// UTF-8 sorts by code point. UTF-16 differs in one thing: a character above U+FFFF (first byte from F0) begins
    /// with a surrogate, which is less than U+E000 to U+FFFF (first byte EE or EF).
    /// </summary>
    private static int CompareBytes(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        var same = left.CommonPrefixLength(right);
        if (same == left.Length || same == right.Length)
        {
            return left.Length - right.Length;
        }

        int x = left[same];
        int y = right[same];
        var swapped = x >= 0xEE && y >= 0xEE && (x >= 0xF0) != (y >= 0xF0);
        return swapped ? y - x : x - y;
    }

    private static int CompareUnits(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        var x = new Units(left);
        var y = new Units(right);
        while (true)
        {
            var a = x.Next();
            var b = y.Next();
            if (a != b || a < 0)
            {
                return a - b;
            }
        }
    }

    /// <summary>Reads the UTF-16 code units of a JSON string, however each is spelled.</summary>
    private ref struct Units(ReadOnlySpan<byte> raw)
    {
        private readonly ReadOnlySpan<byte> _raw = raw;
        private int _at;
        private int _low = -1;

        /// <summary>The next code unit, or -1 at the end.</summary>
        public int Next()
        {
            if (_low >= 0)
            {
                var low = _low;
                _low = -1;
                return low;
            }

            if (_at == _raw.Length)
            {
                return -1;
            }

            if (_raw[_at] == Escape)
            {
                return ReadEscape(_raw, ref _at);
            }

            Rune.DecodeFromUtf8(_raw[_at..], out var rune, out var length);
            _at += length;
            if (rune.IsBmp)
            {
                return rune.Value;
            }

            Span<char> pair = stackalloc char[2];
            rune.EncodeToUtf16(pair);
            _low = pair[1];
            return pair[0];
        }
    }
}
