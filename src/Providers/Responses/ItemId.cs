using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Evergrain.Conversations;

namespace Evergrain.Providers.Responses;

/// <summary>Takes an item's id out of its JSON, or puts another in its place. No other byte changes.</summary>
internal static class ItemId
{
    /// <summary>As deep as an item may be.</summary>
    public static readonly JsonReaderOptions Options = new() { MaxDepth = Limits.JsonDepthMax };

    /// <summary>The item with this id; without one where that is null.</summary>
    /// <param name="json">An item: a JSON object that begins with its brace and repeats no member.</param>
    /// <param name="id">The id, or null.</param>
    /// <param name="lead">What stands before the item in the result.</param>
    public static byte[] Replace(ReadOnlySpan<byte> json, string? id, ReadOnlySpan<byte> lead = default)
    {
        var isFound = TryFind(json, "id"u8, out var place);
        if (id is null)
        {
            return isFound ? [.. lead, .. json[..place.Start], .. json[place.End..]] : [.. lead, .. json];
        }

        var quoted = Quoted(id);
        return isFound
            ? [.. lead, .. json[..place.ValueStart], .. quoted, .. json[place.ValueEnd..]]
            : [.. lead, .. "{\"id\":"u8, .. quoted, .. ","u8, .. json[1..]];
    }

    /// <summary>A member's text; null where it is none.</summary>
    /// <exception cref="InvalidOperationException">It is no Unicode.</exception>
    public static string? Text(ReadOnlySpan<byte> json, ReadOnlySpan<byte> name)
    {
        if (!TryFind(json, name, out var place))
        {
            return null;
        }

        var reader = new Utf8JsonReader(json[place.ValueStart..place.ValueEnd], Options);
        return reader.Read() && reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
    }

    /// <summary>The item with another text in a member that it has.</summary>
    public static byte[] ReplaceText(ReadOnlySpan<byte> json, ReadOnlySpan<byte> name, string text) =>
        TryFind(json, name, out var place)
            ? [.. json[..place.ValueStart], .. Quoted(text), .. json[place.ValueEnd..]]
            : json.ToArray();

    /// <summary>Whether the reader stands at this name, however it is spelled.</summary>
    public static bool IsNamed(ref Utf8JsonReader reader, ReadOnlySpan<byte> name)
    {
        if (!reader.ValueIsEscaped)
        {
            return reader.ValueSpan.SequenceEqual(name);
        }

        try
        {
            return reader.ValueTextEquals(name);
        }
        catch (InvalidOperationException)
        {
            // An unpaired surrogate, which items may have in their names: the reader offers no other way to ask.
            return false;
        }
    }

    private static byte[] Quoted(string text) =>
        Encoding.UTF8.GetBytes($"\"{JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(text)}\"");

    private static bool TryFind(ReadOnlySpan<byte> json, ReadOnlySpan<byte> wanted, out Place place)
    {
        var reader = new Utf8JsonReader(json, Options);
        reader.Read();
        var before = (int)reader.BytesConsumed;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isWanted = IsNamed(ref reader, wanted);
            var name = (int)reader.TokenStartIndex;
            reader.Read();
            var value = (int)reader.TokenStartIndex;
            reader.Skip();
            var end = (int)reader.BytesConsumed;
            if (isWanted)
            {
                // One comma goes with it: the one behind it, or the one before it where it is the last member.
                var next = end + json[end..].IndexOfAnyExcept(" \t\r\n"u8);
                place = json[next] == ',' ? new Place(name, next + 1, value, end) : new Place(before, end, value, end);
                return true;
            }

            before = end;
        }

        place = default;
        return false;
    }

    /// <summary>Where the member stands, a comma included, and its value in it.</summary>
    private readonly record struct Place(int Start, int End, int ValueStart, int ValueEnd);
}
