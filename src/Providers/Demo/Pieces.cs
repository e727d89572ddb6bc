namespace Evergrain.Providers.Demo;

/// <summary>Cuts text into what the deltas carry.</summary>
internal static class Pieces
{
    /// <summary>Text up to this size is one delta.</summary>
    private const int WholeBytesMax = 32;

    private const int CharactersPerPiece = 24;

    private static readonly byte[] Filler = MakeFiller();

    /// <summary>
    /// Cuts JSON string content every 24 characters; never inside an escape, a character in UTF-8, or a surrogate pair
    /// written as two escapes.
    /// </summary>
    public static IEnumerable<ReadOnlyMemory<byte>> Of(ReadOnlyMemory<byte> content)
    {
        if (content.Length is > 0 and <= WholeBytesMax)
        {
            yield return content;
            yield break;
        }

        while (!content.IsEmpty)
        {
            var length = LengthOf(content.Span, CharactersPerPiece);
            yield return content[..length];
            content = content[length..];
        }
    }

    /// <summary>Exactly this many bytes of ASCII text without escapes, 4 KiB at a time.</summary>
    public static IEnumerable<ReadOnlyMemory<byte>> OfBytes(int count)
    {
        for (; count > 0; count -= Math.Min(count, Filler.Length))
        {
            yield return Filler.AsMemory(0, Math.Min(count, Filler.Length));
        }
    }

    /// <summary>Bytes of the first characters of JSON string content; all of it if there are fewer.</summary>
    private static int LengthOf(ReadOnlySpan<byte> content, int characters)
    {
        var length = 0;
        for (; characters > 0 && length < content.Length; characters--)
        {
            length += FirstLength(content[length..]);
        }

        return Math.Min(length, content.Length);
    }

    private static int FirstLength(ReadOnlySpan<byte> content)
    {
        const int escape = 6;
        if (content[0] != '\\')
        {
            return content[0] switch { < 0x80 => 1, < 0xE0 => 2, < 0xF0 => 3, _ => 4 };
        }

        if (content[1] != 'u')
        {
            return 2;
        }

        var isPair = IsSurrogate(content, "89ABab"u8) && content.Length >= 2 * escape &&
            IsSurrogate(content[escape..], "CDEFcdef"u8);
        return isPair ? 2 * escape : escape;
    }

    /// <summary>Whether content begins with an escape of U+D8.. to U+DF.. whose third digit is one of these.</summary>
    private static bool IsSurrogate(ReadOnlySpan<byte> content, ReadOnlySpan<byte> thirdDigit) =>
        content[0] == '\\' && content[1] == 'u' && content[2] is (byte)'d' or (byte)'D' &&
        thirdDigit.Contains(content[3]);

    private static byte[] MakeFiller()
    {
        var filler = new byte[4096];
        var line = "The quick brown fox jumps over the lazy dog, and then it does so once again. "u8;
        for (var i = 0; i < filler.Length; i++)
        {
            filler[i] = line[i % line.Length];
        }

        return filler;
    }
}
