using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Evergrain.Conversations.Tests.Style;

/// <summary>What STYLE.md asks of types over all their files, and of the ids of logs.</summary>
public sealed partial class TypeTests
{
    private const int TypeLinesMax = 400;
    private const int ServicesMax = 5;

    private static readonly Lazy<IReadOnlyList<Part>> Source = new(() => [.. SourceTree.Files("src").SelectMany(
        static file => CSharpSyntaxTree.ParseText(File.ReadAllText(file)).GetRoot().DescendantNodes()
            .OfType<BaseTypeDeclarationSyntax>().Where(static type => type.Parent is BaseNamespaceDeclarationSyntax)
            .Select(type => new Part(file, type)))]);

    [Fact]
    public void Types_OverAllTheirFiles_KeepWithinTheNumber() => AssertNone(
        from parts in Source.Value.GroupBy(static part => part.FullName, StringComparer.Ordinal)
        let lines = parts.Sum(static part => part.Lines)
        where lines > TypeLinesMax
        select $"{parts.Key}: {lines} lines in {parts.Count()} files, at most {TypeLinesMax}");

    [Fact]
    public void Names_OfTypes_StandOnce() => AssertNone(
        from parts in Source.Value.GroupBy(static part => part.Name, StringComparer.Ordinal)
        let names = parts.Select(static part => part.FullName).Distinct(StringComparer.Ordinal).ToList()
        where names.Count > 1
        select string.Join(", ", names));

    [Fact]
    public void Bags_OfServices_AreSmall() => AssertNone(
        from parts in Source.Value.GroupBy(static part => part.FullName, StringComparer.Ordinal)
        where Bag().IsMatch(parts.First().Name)
        let members = parts.Sum(static part => part.Properties)
        where members > ServicesMax
        select $"{parts.Key}: {members} members, at most {ServicesMax}");

    [Fact]
    public void Ids_OfLogs_StandOnce() => AssertNone(
        from file in SourceTree.Files("src")
        from Match log in Log().Matches(File.ReadAllText(file))
        group SourceTree.Relative(file) by log.Groups["id"].Value into logs
        where logs.Count() > 1
        select $"{logs.Key}: {string.Join(", ", logs)}");

    private static void AssertNone(IEnumerable<string> faults) => Assert.True(!faults.Any(), string.Join('\n', faults));

    [GeneratedRegex("(Services|Context)$", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex Bag();

    [GeneratedRegex(@"LoggerMessage\((EventId = )?(?<id>\d+)",
        RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex Log();

    private sealed record Part(string File, BaseTypeDeclarationSyntax Type)
    {
        // A generic type is another type than the plain one of its name.
        public string Name { get; } = Type.Identifier.Text +
            (Type is TypeDeclarationSyntax { TypeParameterList: { } list } ? $"`{list.Parameters.Count}" : "");

        public string FullName => $"{((BaseNamespaceDeclarationSyntax)Type.Parent!).Name}.{Name}";

        public int Lines { get; } = Type.SyntaxTree.GetLineSpan(Type.Span) is var span
            ? span.EndLinePosition.Line - span.StartLinePosition.Line + 1
            : 0;

        // A record's parameters are members; those of a class are what it makes its members of.
        public int Properties { get; } = Type is TypeDeclarationSyntax type
            ? (type is RecordDeclarationSyntax ? type.ParameterList?.Parameters.Count ?? 0 : 0) +
                type.Members.OfType<PropertyDeclarationSyntax>().Count()
            : 0;
    }
}
