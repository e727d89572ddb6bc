using Evergrain.Conversations.Ids;
using Evergrain.Frontend.Turns;

namespace Evergrain.Frontend.Completions;

/// <summary>
/// The id of a completion: that of its response with another prefix. So nothing must be kept to find one by the other.
/// </summary>
internal static class CompletionId
{
    private const string Prefix = "chatcmpl-";
    private const string ResponsePrefix = "resp_";

    /// <summary>Writes the id of a response's completion.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="response">The response's id, as a JSON string.</param>
    public static void Write(RentedBuffer output, ReadOnlySpan<byte> response)
    {
        output.Append("chatcmpl-"u8);
        output.Append(JsonAppends.Inside(response)[ResponsePrefix.Length..]);
    }

    /// <summary>The id of a response's completion.</summary>
    public static string Of(ResponseId response) => Prefix + response.ToString()[ResponsePrefix.Length..];

    /// <summary>The response of a completion.</summary>
    public static bool TryParse(string text, out ResponseId response)
    {
        response = default;
        return text.StartsWith(Prefix, StringComparison.Ordinal) &&
            ResponseId.TryParse(ResponsePrefix + text[Prefix.Length..], out response);
    }
}
