using Evergrain.Providers.Chat;
using Evergrain.Providers.Dialects;

namespace Evergrain.Providers.Servers;

/// <summary>
/// What chat completions have and the Responses API has not: <c>stop</c>, <c>seed</c> and others. A create that came as
/// a request for a chat completion carries them in <c>text.evergrain</c>, by their names there. Servers of chat
/// completions get them; a create for any other server is refused.
/// </summary>
internal static class ChatMembers
{
    // Every server of chat completions takes them.
    private static readonly string[] Always = ["stop", "max_tokens"];

    private static ReadOnlySpan<byte> Member => "evergrain"u8;

    /// <summary>The members of a create's <c>text</c>.</summary>
    public static JsonMembers Of(in JsonMembers text) => JsonMembers.Of(text[Member]);

    /// <summary>The path of the first one that a server does not take; null: it takes all.</summary>
    /// <param name="field">The field of the create.</param>
    /// <param name="json">Its value.</param>
    /// <param name="dialect">What the server takes; null: it is none of chat completions.</param>
    public static string? Refuse(string field, ReadOnlyMemory<byte> json, Dialect? dialect = null)
    {
        if (field != "text")
        {
            return null;
        }

        foreach (var (member, _) in Of(JsonMembers.Of(json)).All)
        {
            var name = JsonContent.Decode(member.Span);
            if (dialect is null || !(Always.Contains(name, StringComparer.Ordinal) || dialect.Takes(name)))
            {
                return $"text.evergrain.{name}";
            }
        }

        return null;
    }

    /// <summary>Writes them, each with the comma before it.</summary>
    public static void Write(BodyWriter output, in JsonMembers text, Dialect dialect)
    {
        foreach (var (member, value) in Of(text).All)
        {
            var name = JsonContent.Decode(member.Span);
            output.Raw(","u8).Quoted(name == "max_tokens" ? dialect.OutputLimitField : name).Raw(":"u8).Raw(value);
        }
    }
}
