namespace Evergrain.Providers.Chat;

/// <summary>
/// Finds the tool that a model meant by a name that no tool has: models leave out a namespace, join it to the name
/// otherwise, or put a word of their template before it.
/// </summary>
internal static class SaidNames
{
    // Sources: OpenAI's and Gemini's prompts (`namespace functions`, `default_api`); gpt-oss leaks its channel.
    private static readonly string[] Words = ["functions", "function", "default_api", "tools", "tool"];
    private static readonly string[] WordJoints = [".", "/", "::", ":"];
    private static readonly string[] SpaceJoints = ["__", .. WordJoints, "_", "-"];
    private const string ChannelMark = "<|";

    /// <summary>The one offered tool that can be meant; null where there is none, or more than one.</summary>
    public static OfferedTool? Find(string said, List<OfferedTool> offered)
    {
        var name = Bare(said);
        var found = default(OfferedTool);
        foreach (var tool in offered)
        {
            if (Means(name, tool))
            {
                if (found is not null)
                {
                    return null;
                }

                found = tool;
            }
        }

        return found;
    }

    private static ReadOnlySpan<char> Bare(ReadOnlySpan<char> said)
    {
        var mark = said.IndexOf(ChannelMark, StringComparison.Ordinal);
        said = (mark > 0 ? said[..mark] : said).Trim();
        foreach (var word in Words)
        {
            if (TrySkip(said, word, WordJoints, out var rest))
            {
                return rest;
            }
        }

        return said;
    }

    private static bool Means(ReadOnlySpan<char> name, OfferedTool tool) =>
        name.SequenceEqual(tool.FlatName) || name.SequenceEqual(tool.Name) ||
        (tool.Namespace is { Length: > 0 } space && TrySkip(name, space, SpaceJoints, out var rest) &&
            rest.SequenceEqual(tool.Name));

    /// <summary>What stands behind a word and what joins it to a name.</summary>
    private static bool TrySkip(
        ReadOnlySpan<char> text, string word, string[] joints, out ReadOnlySpan<char> rest)
    {
        rest = text;
        if (!text.StartsWith(word, StringComparison.Ordinal))
        {
            return false;
        }

        foreach (var joint in joints)
        {
            if (text[word.Length..].StartsWith(joint, StringComparison.Ordinal))
            {
                rest = text[(word.Length + joint.Length)..];
                return true;
            }
        }

        return false;
    }
}
