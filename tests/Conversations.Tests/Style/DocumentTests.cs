using System.Text.RegularExpressions;

namespace Evergrain.Conversations.Tests.Style;

/// <summary>What STYLE.md asks of documents, enforced: length, sentences, paths.</summary>
public sealed partial class DocumentTests
{
    private const int SentenceWordsMax = 25;

    // Far more than any document takes.
    private const int TimeoutMilliseconds = 10_000;

    // Reports of measurements and a specification, written before the rules.
    private static readonly string[] Exempt = ["docs/performance.md", "docs/digest.md"];

    private static readonly string[] Folders = ["src/", "tests/", "docs/", "bench/", "deploy/", "eng/", ".ci/"];

    // What a build or a run makes, and what no tree holds.
    private static readonly string[] Made = ["/bin/", "/obj/", "node_modules", "*", "<"];

    [Theory]
    [InlineData("README.md", 150)]
    [InlineData("ARCHITECTURE.md", 200)]
    public void Document_Main_IsShort(string document, int linesMax) =>
        Assert.InRange(Lines(document).Length, 1, linesMax);

    [Fact]
    public void Sentences_InPages_AreShort()
    {
        var faults =
            from page in Pages()
            from sentence in Prose.Sentences(Lines(page))
            let words = Prose.Words(sentence.Text)
            where words > SentenceWordsMax
            select $"{page}:{sentence.Line}: {words} words, at most {SentenceWordsMax}: {sentence.Text}";
        Assert.True(!faults.Any(), string.Join('\n', faults));
    }

    [Fact]
    public void Sentences_InPages_NameTheirSubject()
    {
        var faults =
            from page in Pages()
            from sentence in Prose.Sentences(Lines(page))
            where FreeRelative().IsMatch(sentence.Text) && !sentence.Text.EndsWith('?')
            select $"{page}:{sentence.Line}: {sentence.Text}";
        Assert.True(!faults.Any(), string.Join('\n', faults));
    }

    [Fact]
    public void Links_InDocuments_LeadSomewhere()
    {
        var faults =
            from document in Documents()
            from Match link in Link().Matches(string.Join('\n', WithoutCode(document)))
            let target = link.Groups["target"].Value
            where !target.StartsWith("http", StringComparison.Ordinal) && !Leads(document, target)
            select $"{document}: {target}";
        Assert.True(!faults.Any(), string.Join('\n', faults));
    }

    [Fact]
    public void Paths_InDocuments_Exist()
    {
        var faults =
            from document in Documents()
            from Match match in Word().Matches(string.Join('\n', Lines(document)))
            let path = match.Value.TrimEnd('.', '/')
            where !Made.Any(path.Contains) && !Exists(path)
            select $"{document}: {path}";
        Assert.True(!faults.Any(), string.Join('\n', faults.Distinct(StringComparer.Ordinal)));
    }

    [Fact]
    public void Map_InArchitecture_IsTheTree()
    {
        var map = Lines("ARCHITECTURE.md").SkipWhile(static line => !line.StartsWith("```", StringComparison.Ordinal))
            .Skip(1).TakeWhile(static line => !line.StartsWith("```", StringComparison.Ordinal)).ToList();
        var named = map.Where(static line => line.StartsWith("    ", StringComparison.Ordinal))
            .SelectMany(static line => Folder().Matches(line)).Select(static match => match.Value.TrimEnd('/'))
            .ToHashSet(StringComparer.Ordinal);
        var there = SourceTree.Tree.Where(static path => SourceFolder().IsMatch(path))
            .Select(static path => Path.GetFileName(path)!).ToHashSet(StringComparer.Ordinal);
        Assert.Empty(named.Except(there).ToList());
        Assert.Empty(there.Except(named).ToList());
    }

    [Fact]
    public void Tests_NamedInDocuments_Exist()
    {
        var tests = SourceTree.Files("tests").ToLookup(static file => Path.GetFileName(file).Split('.')[0]);
        var named =
            from document in Documents()
            from Match match in TestName().Matches(string.Join('\n', Lines(document)))
            select (Document: document, Type: match.Groups["type"].Value, Method: match.Groups["method"].Value);
        var list = named.ToList();
        Assert.Contains(list, static name => name.Document == "docs/security.md");
        var faults = list.Where(name => !tests[name.Type].Any(
            file => File.ReadAllText(file).Contains($" {name.Method}(", StringComparison.Ordinal)));
        Assert.True(!faults.Any(), string.Join('\n', faults.Select(
            static name => $"{name.Document}: {name.Type}.{name.Method}")));
    }

    [Fact]
    public void Rules_InSecurity_NameATest()
    {
        var rows = Lines("docs/security.md")
            .SkipWhile(static line => line != "## Who may enter")
            .TakeWhile(static line => line != "## What is not found out")
            .Where(static line => line.StartsWith("| ", StringComparison.Ordinal) &&
                !line.EndsWith("| tests |", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(rows);
        Assert.All(rows, static row => Assert.Matches(TestName(), row));
    }

    private static IEnumerable<string> Pages() =>
        Documents().Where(static name => !name.Contains("decisions", StringComparison.Ordinal))
            .Except([.. Exempt, "CHANGELOG.md"], StringComparer.Ordinal);

    private static IEnumerable<string> Documents() => SourceTree.Tree
        .Where(static name => name.EndsWith(".md", StringComparison.Ordinal) &&
            (!name.Contains('/', StringComparison.Ordinal) || name.StartsWith("docs/", StringComparison.Ordinal)))
        .Order(StringComparer.Ordinal);

    private static string[] Lines(string document) => File.ReadAllLines(Path.Combine(SourceTree.Root, document));

    private static IEnumerable<string> WithoutCode(string document)
    {
        var isCode = false;
        foreach (var line in Lines(document))
        {
            isCode ^= line.StartsWith("```", StringComparison.Ordinal);
            if (!isCode)
            {
                yield return line;
            }
        }
    }

    private static bool Leads(string document, string target)
    {
        var parts = target.Split('#', 2);
        var folder = Path.GetDirectoryName(document)!;
        var path = parts[0].Length == 0 ? document : SourceTree.Normal(Path.Combine(folder, parts[0]));
        return SourceTree.Holds(path) && (parts.Length == 1 || Anchors(path).Contains(parts[1]));
    }

    // As GitHub makes them.
    private static IEnumerable<string> Anchors(string document) => WithoutCode(document)
        .Where(static line => line.StartsWith('#'))
        .Select(static line => NoAnchor().Replace(line.TrimStart('#').Trim().ToLowerInvariant(), "").Replace(' ', '-'));

    /// <summary>A path from the root; or, in a code span, the end of one below src, with or without ".cs".</summary>
    private static bool Exists(string path) => Folders.Any(path.StartsWith)
        ? SourceTree.Holds(path)
        : SourceTree.HoldsEnd($"/{path}") || SourceTree.HoldsEnd($"/{path}.cs");

    [GeneratedRegex(@"^(Who|Whoever|What|Whatever|Whichever)\b", RegexOptions.ExplicitCapture, TimeoutMilliseconds)]
    private static partial Regex FreeRelative();

    [GeneratedRegex(@"\]\((?<target>[^)\s]+)\)", RegexOptions.ExplicitCapture, TimeoutMilliseconds)]
    private static partial Regex Link();

    // From the root anywhere, unless a URL or another path goes on with it; else Folder/Name alone in a code span.
    [GeneratedRegex(@"(?<![\w./-])(src|tests|docs|bench|deploy|eng|\.ci)/[\w./*<-]+|(?<=`)[A-Z]\w*/[A-Z][\w./]*(?=`)",
        RegexOptions.ExplicitCapture, TimeoutMilliseconds)]
    private static partial Regex Word();

    [GeneratedRegex(@"(?<![/\w])\w+/", RegexOptions.ExplicitCapture, TimeoutMilliseconds)]
    private static partial Regex Folder();

    [GeneratedRegex(@"^src/\w+/\w+$", RegexOptions.ExplicitCapture, TimeoutMilliseconds)]
    private static partial Regex SourceFolder();

    // A test or a method of a suite in a code span: Type.Subject_Condition_Outcome.
    [GeneratedRegex(@"`(?<type>\w+(Tests|Suite|Contract))\.(?<method>\w+)`",
        RegexOptions.ExplicitCapture, TimeoutMilliseconds)]
    private static partial Regex TestName();

    [GeneratedRegex(@"[^\w\- ]", RegexOptions.ExplicitCapture, TimeoutMilliseconds)]
    private static partial Regex NoAnchor();
}
