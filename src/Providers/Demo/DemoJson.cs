using System.Runtime.InteropServices;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Evergrain.Providers.Demo;

/// <summary>
/// Values in scripts and items. Those that take a member's name throw <see cref="FormatException"/> with words for the
/// script's author.
/// </summary>
internal static class DemoJson
{
    /// <summary>A whole number from 0 to <paramref name="max"/>.</summary>
    public static long Whole(JsonElement value, string name, long max) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) && number >= 0 && number <= max
            ? number
            : throw new FormatException($"{name} must be a whole number from 0 to {max}");

    /// <summary>The inside of a JSON string as it is written: escapes stay, unpaired surrogates too.</summary>
    public static byte[] Content(JsonElement value, string name) =>
        value.ValueKind == JsonValueKind.String
            ? JsonMarshal.GetRawUtf8Value(value)[1..^1].ToArray()
            : throw new FormatException($"{name} must be a string");

    /// <summary>A string that names something: neither empty nor with unpaired surrogates.</summary>
    public static string Name(JsonElement value, string name) =>
        value.ValueKind == JsonValueKind.String && Text(value) is { Length: > 0 } text
            ? text
            : throw new FormatException($"{name} must be a string that is not empty, without unpaired surrogates");

    /// <summary>A string's text; null where it is no string, or one that UTF-16 cannot hold well-formed.</summary>
    public static string? Text(JsonElement value)
    {
        try
        {
            return value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            // An unpaired surrogate: the reader offers no other way to ask.
            return null;
        }
    }

    /// <summary>
    /// Finds a member in JSON that a client wrote: a name with an unpaired surrogate, at which the usual look-up
    /// throws, is passed over. False where there is no object.
    /// </summary>
    public static bool TryMember(JsonElement element, string name, out JsonElement value)
    {
        value = default;
        if (element.ValueKind != JsonValueKind.Object)
        {
            return false;
        }

        foreach (var member in element.EnumerateObject())
        {
            if (Named(member, name))
            {
                value = member.Value;
                return true;
            }
        }

        return false;
    }

    /// <summary>Escapes UTF-8 as the inside of a JSON string.</summary>
    public static ReadOnlyMemory<byte> Escape(ReadOnlySpan<byte> text) =>
        JsonEncodedText.Encode(text, JavaScriptEncoder.UnsafeRelaxedJsonEscaping).EncodedUtf8Bytes.ToArray();

    /// <summary>Escapes text as the inside of a JSON string.</summary>
    public static ReadOnlyMemory<byte> Escape(string text) =>
        JsonEncodedText.Encode(text, JavaScriptEncoder.UnsafeRelaxedJsonEscaping).EncodedUtf8Bytes.ToArray();

    private static bool Named(JsonProperty member, string name)
    {
        try
        {
            return member.NameEquals(name);
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }
}
