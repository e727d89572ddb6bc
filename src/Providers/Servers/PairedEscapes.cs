using Evergrain.Providers.Chat;

namespace Evergrain.Providers.Servers;

/// <summary>
/// Half a character, which JSON can spell as an escape without its other half. Many servers refuse a request that has
/// one, and every later turn with it.
/// </summary>
internal static class PairedEscapes
{
    private const int EscapeLength = JsonContent.EscapeLength;

    private static ReadOnlySpan<byte> Replacement => "\\ufffd"u8;

    /// <summary>JSON, or the inside of a string, with U+FFFD for each half: the same memory if there is none.</summary>
    /// <param name="json">Well-formed but for halves.</param>
    public static ReadOnlyMemory<byte> Of(ReadOnlyMemory<byte> json)
    {
        var half = IndexOfHalf(json.Span, 0);
        if (half < 0)
        {
            return json;
        }

        var mended = json.ToArray();
        for (; half >= 0; half = IndexOfHalf(mended, half + EscapeLength))
        {
            Replacement.CopyTo(mended.AsSpan(half));
        }

        return mended;
    }

    /// <summary>Where the next half is, from a place on; -1 if none follows.</summary>
    private static int IndexOfHalf(ReadOnlySpan<byte> json, int from)
    {
        while (true)
        {
            var run = json[from..].IndexOf((byte)'\\');
            if (run < 0)
            {
                return -1;
            }

            from += run;
            var unit = UnitAt(json, from);
            if (!Surrogates.IsHigh(unit) && !Surrogates.IsLow(unit))
            {
                from += 2;
                continue;
            }

            if (Surrogates.IsLow(unit) || !Surrogates.IsLow(UnitAt(json, from + EscapeLength)))
            {
                return from;
            }

            from += 2 * EscapeLength;
        }
    }

    private static int UnitAt(ReadOnlySpan<byte> json, int place) =>
        place < json.Length ? JsonContent.UnitOf(json[place..]) : -1;
}
