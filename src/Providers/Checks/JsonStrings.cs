using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using Evergrain.Conversations;

namespace Evergrain.Providers.Checks;

/// <summary>
/// Strings of JSON that a client wrote, decoded whatever they hold. The library refuses an unpaired surrogate, which an
/// escape may spell and a conversation keeps: a text with one must not pass unseen.
/// </summary>
internal static class JsonStrings
{
    private const int UnicodeEscapeLength = 6;

    public static readonly JsonReaderOptions Options = new() { MaxDepth = Limits.JsonDepthMax };

    /// <summary>The text of a name or string; for short ones.</summary>
    public static string Of(ref Utf8JsonReader json)
    {
        var chars = new char[json.ValueSpan.Length];
        return new string(chars, 0, Decode(ref json, chars));
    }

    /// <summary>Decodes a name or string into as many characters as it has bytes, or fewer; gives how many.</summary>
    public static int Decode(ref Utf8JsonReader json, Span<char> chars) => json.ValueIsEscaped
        ? Unescape(json.ValueSpan, chars)
        : Encoding.UTF8.GetChars(json.ValueSpan, chars);

    private static int Unescape(ReadOnlySpan<byte> raw, Span<char> chars)
    {
        var written = 0;
        for (var escape = raw.IndexOf((byte)'\\'); escape >= 0; escape = raw.IndexOf((byte)'\\'))
        {
            written += Encoding.UTF8.GetChars(raw[..escape], chars[written..]);
            raw = raw[escape..];
            chars[written++] = Unit(raw, out var length);
            raw = raw[length..];
        }

        return written + Encoding.UTF8.GetChars(raw, chars[written..]);
    }

    /// <summary>The code unit that the escape at the beginning stands for. The reader has checked its form.</summary>
    private static char Unit(ReadOnlySpan<byte> escape, out int length)
    {
        length = escape[1] == 'u' ? UnicodeEscapeLength : 2;
        switch (escape[1])
        {
            case (byte)'u':
                Utf8Parser.TryParse(escape[2..UnicodeEscapeLength], out int unit, out _, 'x');
                return (char)unit;
            case (byte)'b':
                return '\b';
            case (byte)'f':
                return '\f';
            case (byte)'n':
                return '\n';
            case (byte)'r':
                return '\r';
            case (byte)'t':
                return '\t';
            default:
                return (char)escape[1];
        }
    }
}
