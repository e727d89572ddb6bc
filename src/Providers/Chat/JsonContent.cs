using System.Buffers.Text;
using System.Text;
using System.Text.Json;

namespace Evergrain.Providers.Chat;

/// <summary>
/// JSON values as slices of bytes that were found well-formed before: a string is copied as it was spelled, escapes
/// included, and unescaped only where its meaning is asked for.
/// </summary>
internal static class JsonContent
{
    public const byte Escape = (byte)'\\';

    /// <summary>Bytes of <c>\u0000</c>.</summary>
    public const int EscapeLength = 6;

    /// <summary>Whether a value is a string.</summary>
    public static bool IsString(ReadOnlyMemory<byte> value) => !value.IsEmpty && value.Span[0] == '"';

    /// <summary>The inside of a string, as it is spelled; empty where the value is none.</summary>
    public static ReadOnlyMemory<byte> Inside(ReadOnlyMemory<byte> value) => IsString(value) ? value[1..^1] : default;

    /// <summary>A string's text, with U+FFFD for what is no Unicode; null where the value is none.</summary>
    public static string? Text(ReadOnlyMemory<byte> value) => IsString(value) ? Decode(value.Span[1..^1]) : null;

    /// <summary>The text of a string's inside, with U+FFFD for what is no Unicode.</summary>
    public static string Decode(ReadOnlySpan<byte> content)
    {
        if (content.IndexOf(Escape) < 0)
        {
            return Encoding.UTF8.GetString(content);
        }

        var text = new byte[content.Length];
        return Encoding.UTF8.GetString(text.AsSpan(0, Unescape(content, text)));
    }

    /// <summary>Whether a value is the string of these characters, however it is spelled.</summary>
    public static bool Is(ReadOnlyMemory<byte> value, ReadOnlySpan<byte> plain) =>
        IsString(value) && ContentIs(value.Span[1..^1], plain);

    /// <summary>Whether a string's inside means these characters, however it is spelled.</summary>
    public static bool ContentIs(ReadOnlySpan<byte> content, ReadOnlySpan<byte> plain)
    {
        if (content.IndexOf(Escape) < 0)
        {
            return content.SequenceEqual(plain);
        }

        var text = new byte[content.Length];
        return text.AsSpan(0, Unescape(content, text)).SequenceEqual(plain);
    }

    /// <summary>Whether a reader stands on a member of this name, however it is spelled.</summary>
    public static bool NameIs(ref Utf8JsonReader reader, ReadOnlySpan<byte> plain) =>
        reader.ValueIsEscaped ? ContentIs(reader.ValueSpan, plain) : reader.ValueSpan.SequenceEqual(plain);

    /// <summary>
    /// Writes what a string's inside means, in UTF-8, with U+FFFD for an unpaired surrogate; gives the length, never
    /// more than that of <paramref name="content"/>.
    /// </summary>
    public static int Unescape(ReadOnlySpan<byte> content, Span<byte> target)
    {
        var written = 0;
        while (!content.IsEmpty)
        {
            var run = content.IndexOf(Escape);
            run = run < 0 ? content.Length : run;
            content[..run].CopyTo(target[written..]);
            written += run;
            content = content[run..];
            if (!content.IsEmpty)
            {
                written += ReadEscape(ref content).EncodeToUtf8(target[written..]);
            }
        }

        return written;
    }

    /// <summary>The code unit of the <c>\u</c> escape that content begins with; -1 where it begins otherwise.</summary>
    public static int UnitOf(ReadOnlySpan<byte> content) =>
        content.Length >= EscapeLength && content[0] == Escape && content[1] == 'u' &&
        Utf8Parser.TryParse(content.Slice(2, 4), out int unit, out var read, 'x') && read == 4
            ? unit
            : -1;

    private static Rune ReadEscape(ref ReadOnlySpan<byte> content)
    {
        var letter = (char)content[1];
        if (letter != 'u')
        {
            content = content[2..];
            return new Rune(letter switch
            {
                'b' => '\b',
                'f' => '\f',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                _ => letter,
            });
        }

        var unit = UnitOf(content);
        content = content[EscapeLength..];
        var low = Surrogates.IsHigh(unit) ? UnitOf(content) : -1;
        if (Surrogates.IsLow(low))
        {
            content = content[EscapeLength..];
            return new Rune((char)unit, (char)low);
        }

        return Rune.TryCreate(unit, out var rune) ? rune : Rune.ReplacementChar;
    }
}

/// <summary>The halves of a character above U+FFFF.</summary>
internal static class Surrogates
{
    public static bool IsHigh(int unit) => unit is >= 0xD800 and <= 0xDBFF;

    public static bool IsLow(int unit) => unit is >= 0xDC00 and <= 0xDFFF;
}
