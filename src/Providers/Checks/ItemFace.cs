using System.Text.Json;

namespace Evergrain.Providers.Checks;

/// <summary>What an item is, as far as rules ask.</summary>
/// <param name="Type">Its type; <c>message</c> where that is implied by a role, empty where nothing says it.</param>
/// <param name="Role">Its role; empty where there is none.</param>
internal readonly record struct ItemFace(string Type, string Role)
{
    /// <summary>Reads an item's top level. What is no text counts as not there.</summary>
    public static ItemFace Read(ReadOnlySpan<byte> item)
    {
        var (type, role) = (string.Empty, string.Empty);
        var json = new Utf8JsonReader(item, JsonStrings.Options);
        json.Read();
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var name = JsonStrings.Of(ref json);
            json.Read();
            if (json.TokenType == JsonTokenType.String && name is "type")
            {
                type = JsonStrings.Of(ref json);
            }
            else if (json.TokenType == JsonTokenType.String && name is "role")
            {
                role = JsonStrings.Of(ref json);
            }

            json.Skip();
        }

        return new ItemFace(type.Length == 0 && role.Length > 0 ? "message" : type, role);
    }
}
