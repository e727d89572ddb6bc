using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Evergrain.Conversations.Tests.Style;

/// <summary>The numbers and bans of STYLE.md, enforced.</summary>
public sealed partial class StyleTests
{
    private const int FileLinesMax = 400;
    private const int MethodLinesMax = 70;
    private const int LineCharsMax = 120;
    private const int ConstructorParametersMax = 5;
    private const int NestingMax = 3;

    private static readonly string[] BadSuffixes =
        ["Manager", "Helper", "Helpers", "Util", "Utils", "Base", "Impl", "Data", "Info"];

    /// <summary>Words of asynchrony that the state machine's folder must not know.</summary>
    private static readonly string[] Asynchrony =
    [
        "async", "await", "Task", "ValueTask", "TaskCompletionSource", "Channel", "Thread", "Timer", "ITimer",
        "PeriodicTimer", "SemaphoreSlim", "Monitor", "lock", "Lock", "CancellationToken", "CancellationTokenSource",
        "TimeProvider", "Stopwatch", "Interlocked", "Volatile", "ConcurrentDictionary",
    ];

    [Fact]
    public void Files_Everywhere_KeepWithinTheNumbers()
    {
        var faults = new List<string>();
        foreach (var file in SourceTree.Files("src", "tests", "bench"))
        {
            var lines = File.ReadAllLines(file);
            var name = SourceTree.Relative(file);
            if (lines.Length > FileLinesMax)
            {
                faults.Add($"{name}: {lines.Length} lines, at most {FileLinesMax}");
            }

            faults.AddRange(lines.Select((line, i) => (line, i)).Where(entry => entry.line.Length > LineCharsMax)
                .Select(entry => $"{name}:{entry.i + 1}: {entry.line.Length} characters, at most {LineCharsMax}"));
            faults.AddRange(MemberFaults(CSharpSyntaxTree.ParseText(File.ReadAllText(file)), name));
        }

        Assert.True(faults.Count == 0, string.Join('\n', faults));
    }

    [Fact]
    public void Names_InSource_SayWhatTheyAre()
    {
        var faults = Types("src").Where(type =>
                BadSuffixes.Any(suffix => type.Identifier.Text.EndsWith(suffix, StringComparison.Ordinal)))
            .Select(type => type.Identifier.Text);
        Assert.Empty(faults);
    }

    [Fact]
    public void Namespaces_InSource_BeginWithEvergrain()
    {
        var faults = SourceTree.Files("src").Where(file => !NamespacePattern().IsMatch(File.ReadAllText(file)) &&
            Path.GetFileName(file) is not ("Program.cs" or "AssemblyInfo.cs")).Select(SourceTree.Relative);
        Assert.Empty(faults);
    }

    [Theory]
    [InlineData("src/Conversations/Turns")]
    [InlineData("src/Conversations/Context")]
    [InlineData("src/Conversations/Moving")]
    [InlineData("src/Conversations/Records")]
    [InlineData("src/Conversations/Items")]
    [InlineData("src/Conversations/Wire")]
    [InlineData("src/Conversations/Ids")]
    public void StateMachine_Folder_KnowsNoAsynchrony(string folder)
    {
        Assert.NotEmpty(SourceTree.Files(folder));
        var faults =
            from file in SourceTree.Files(folder)
            from token in CSharpSyntaxTree.ParseText(File.ReadAllText(file)).GetRoot().DescendantTokens()
            where Asynchrony.Contains(token.Text)
            select $"{SourceTree.Relative(file)}: {token.Text}";
        Assert.Empty(faults);
    }

    [Fact]
    public void Suppressions_Everywhere_GiveAReason()
    {
        var faults = SourceTree.Files("src", "tests", "bench").SelectMany(file => File.ReadAllLines(file)
            .Where(line => line.TrimStart().StartsWith("#pragma warning disable", StringComparison.Ordinal) &&
                !line.Contains("//", StringComparison.Ordinal))
            .Select(line => $"{SourceTree.Relative(file)}: {line}"));
        Assert.Empty(faults);
    }

    private static IEnumerable<BaseTypeDeclarationSyntax> Types(string folder) => SourceTree.Files(folder).SelectMany(
        file => CSharpSyntaxTree.ParseText(File.ReadAllText(file)).GetRoot().DescendantNodes()
            .OfType<BaseTypeDeclarationSyntax>());

    private static IEnumerable<string> MemberFaults(SyntaxTree tree, string name)
    {
        foreach (var member in tree.GetRoot().DescendantNodes())
        {
            var line = $"{name}:{tree.GetLineSpan(member.Span).StartLinePosition.Line + 1}";
            if (member is BaseMethodDeclarationSyntax or LocalFunctionStatementSyntax && Lines(member) > MethodLinesMax)
            {
                yield return $"{line}: a method of {Lines(member)} lines, at most {MethodLinesMax}";
            }

            if (Constructor(member) is { } parameters && parameters > ConstructorParametersMax)
            {
                yield return $"{line}: a constructor with {parameters} parameters, at most {ConstructorParametersMax}";
            }

            if (member is StatementSyntax && Nesting(member) > NestingMax)
            {
                yield return $"{line}: nested {Nesting(member)} deep, at most {NestingMax}";
            }
        }
    }

    private static int Lines(SyntaxNode node)
    {
        var span = node.SyntaxTree.GetLineSpan(node.Span);
        return span.EndLinePosition.Line - span.StartLinePosition.Line + 1;
    }

    // Records are values: their parameters are members, not dependencies.
    private static int? Constructor(SyntaxNode node) => node switch
    {
        ConstructorDeclarationSyntax constructor => constructor.ParameterList.Parameters.Count,
        ClassDeclarationSyntax { ParameterList: { } list } => list.Parameters.Count,
        _ => null,
    };

    private static int Nesting(SyntaxNode node) => node.AncestorsAndSelf()
        .TakeWhile(at => at is not (BaseMethodDeclarationSyntax or LocalFunctionStatementSyntax or
            AnonymousFunctionExpressionSyntax))
        .Count(at => at is IfStatementSyntax { Parent: not ElseClauseSyntax } or CommonForEachStatementSyntax or
            ForStatementSyntax or WhileStatementSyntax or DoStatementSyntax or SwitchStatementSyntax or
            TryStatementSyntax);

    [GeneratedRegex(@"^namespace Evergrain\.", RegexOptions.Multiline | RegexOptions.NonBacktracking)]
    private static partial Regex NamespacePattern();
}
