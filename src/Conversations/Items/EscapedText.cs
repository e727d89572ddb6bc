using System.Buffers;
using System.Text.Unicode;

namespace Evergrain.Conversations.Items;

/// <summary>The inside of a JSON string as a model backend gives it.</summary>
internal static class EscapedText
{
    private static readonly SearchValues<byte> Special = SearchValues.Create(
        [.. Enumerable.Range(0, 0x20).Select(static value => (byte)value), (byte)'"', (byte)'\\']);

    /// <summary>
    /// Whether it is whole by itself: valid UTF-8, no quote or control character, no escape that is wrong or cut.
    /// </summary>
    public static bool IsWhole(ReadOnlySpan<byte> text)
    {
        if (!Utf8.IsValid(text))
        {
            return false;
        }

        for (var next = text.IndexOfAny(Special); next >= 0; next = text.IndexOfAny(Special))
        {
            var length = text[next] == '\\' ? EscapeLength(text[next..]) : 0;
            if (length == 0)
            {
                return false;
            }

            text = text[(next + length)..];
        }

        return true;
    }

    private static int EscapeLength(ReadOnlySpan<byte> text)
    {
        if (text.Length < 2)
        {
            return 0;
        }

        return text[1] switch
        {
            (byte)'"' or (byte)'\\' or (byte)'/' or (byte)'b' or (byte)'f' or (byte)'n' or (byte)'r' or (byte)'t' => 2,
            (byte)'u' when text.Length >= 6 && IsHex(text[2..6]) => 6,
            _ => 0,
        };
    }

    private static bool IsHex(ReadOnlySpan<byte> digits)
    {
        foreach (var digit in digits)
        {
            if (!char.IsAsciiHexDigit((char)digit))
            {
                return false;
            }
        }

        return true;
    }
}
