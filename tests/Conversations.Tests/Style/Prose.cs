using System.Text;
using System.Text.RegularExpressions;

namespace Evergrain.Conversations.Tests.Style;

/// <summary>Reads the sentences of a Markdown document: no code blocks, no headings; a code span is one word.</summary>
internal static partial class Prose
{
    // Far more than any document takes.
    private const int TimeoutMilliseconds = 10_000;

    /// <summary>Every sentence, table cell and list item, with the line its paragraph begins at.</summary>
    public static IEnumerable<(int Line, string Text)> Sentences(IReadOnlyList<string> lines) =>
        from paragraph in Paragraphs(lines)
        from sentence in SentenceEnd().Split(Plain(paragraph.Text))
        select (paragraph.Line, sentence.Trim());

    /// <summary>Words of a sentence: what holds a letter or a digit.</summary>
    public static int Words(string sentence) =>
        sentence.Split(' ').Count(static word => word.Any(char.IsLetterOrDigit));

    private static IEnumerable<(int Line, string Text)> Paragraphs(IReadOnlyList<string> lines)
    {
        var (begun, text, isCode) = (0, new StringBuilder(), false);
        for (var i = 0; i <= lines.Count; i++)
        {
            var line = i < lines.Count ? lines[i].Trim() : "";
            var isFence = line.StartsWith("```", StringComparison.Ordinal);
            isCode ^= isFence;
            var isProse = !isFence && !isCode && line.Length > 0 && line[0] is not '#';
            var isRow = isProse && line[0] == '|';
            if (text.Length > 0 && (!isProse || isRow || ItemStart().IsMatch(line)))
            {
                yield return (begun, text.ToString());
                text.Clear();
            }

            if (isRow)
            {
                foreach (var cell in CellEnd().Split(line))
                {
                    yield return (i + 1, cell);
                }
            }
            else if (isProse)
            {
                begun = text.Length == 0 ? i + 1 : begun;
                text.Append(ItemStart().Replace(line, "")).Append(' ');
            }
        }
    }

    private static string Plain(string text) =>
        Link().Replace(Code().Replace(text, "Code"), "${text}").Replace("*", "", StringComparison.Ordinal);

    [GeneratedRegex(@"(?<=[.!?][)""]?)\s+(?=[A-Z""(])", RegexOptions.ExplicitCapture, TimeoutMilliseconds)]
    private static partial Regex SentenceEnd();

    [GeneratedRegex(@"^(\*|-|\d+\.)\s+", RegexOptions.ExplicitCapture, TimeoutMilliseconds)]
    private static partial Regex ItemStart();

    [GeneratedRegex(@"(?<!\\)\|", RegexOptions.ExplicitCapture, TimeoutMilliseconds)]
    private static partial Regex CellEnd();

    [GeneratedRegex("`[^`]+`", RegexOptions.ExplicitCapture, TimeoutMilliseconds)]
    private static partial Regex Code();

    [GeneratedRegex(@"\[(?<text>[^\]]+)\]\([^)]+\)", RegexOptions.ExplicitCapture, TimeoutMilliseconds)]
    private static partial Regex Link();
}
