using System.Diagnostics.CodeAnalysis;

namespace Evergrain.Conversations.Ids;

/// <summary>
/// Writes and reads numbers as characters of <c>0-9A-Za-z</c>, most significant first: 128 bits as 22 characters.
/// </summary>
public static class Base62
{
    /// <summary>Characters that 128 bits take: 62^22 exceeds 2^128, 62^21 does not.</summary>
    public const int Length = 22;

    private const string Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    /// <summary>The characters of <paramref name="value"/>: 22, or the last of them.</summary>
    public static string Format(UInt128 value, int length = Length) =>
        string.Create(length, value, static (span, rest) =>
        {
            for (var i = span.Length - 1; i >= 0; i--)
            {
                (rest, var digit) = UInt128.DivRem(rest, 62);
                span[i] = Alphabet[(int)digit];
            }
        });

    /// <summary>
    /// Reads exactly so many characters, 22 at most; refuses any other length, character, or a value over 128 bits.
    /// </summary>
    public static bool TryParse(ReadOnlySpan<char> text, [MaybeNullWhen(false)] out UInt128 value, int length = Length)
    {
        value = default;
        if (text.Length != length)
        {
            return false;
        }

        UInt128 result = 0;
        foreach (var c in text)
        {
            var digit = Digit(c);
            if (digit < 0 || result > (UInt128.MaxValue - (uint)digit) / 62)
            {
                return false;
            }

            result = (result * 62) + (uint)digit;
        }

        value = result;
        return true;
    }

    private static int Digit(char c) => c switch
    {
        >= '0' and <= '9' => c - '0',
        >= 'A' and <= 'Z' => c - 'A' + 10,
        >= 'a' and <= 'z' => c - 'a' + 36,
        _ => -1,
    };
}
