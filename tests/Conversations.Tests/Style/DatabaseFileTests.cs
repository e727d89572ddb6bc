using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Evergrain.Conversations.Tests.Style;

/// <summary>
/// Nothing but SQLite opens the database or its log in the server's process. POSIX gives locks to processes: if
/// anything else in the process opens and closes the file, SQLite's locks are gone.
/// </summary>
public sealed class DatabaseFileTests
{
    private const string Folder = "src/Providers/Sqlite";

    // Opens the lock, and no other file.
    private const string LockOwner = "DataDirectory.cs";

    // Makes the file of a new database, which nobody can have open, with the rights of its owner alone.
    private const string Maker = "JournalDatabase.cs";

    // Reads the log before SQLite opens anything.
    private const string LogReader = "WriteAheadLog.cs";

    // Parts of the names of the database and of the files that SQLite puts beside it.
    private static readonly string[] Names = ["evergrain.db", "-wal", "-shm", ".db"];

    // Members of these types that do not open a file.
    private static readonly HashSet<string> Harmless = ["Exists", "Delete", "Move"];

    private static readonly HashSet<string> Opening =
        ["FileStream", "StreamReader", "StreamWriter", "SafeFileHandle", "MemoryMappedFile", "RandomAccess"];

    [Fact]
    public void Names_OfTheDatabaseFiles_StandInOneFolder() => Assert.Empty(
        from file in SourceTree.Files("src")
        where !SourceTree.Relative(file).StartsWith(Folder, StringComparison.Ordinal)
        from token in Tokens(file)
        where token.IsKind(SyntaxKind.StringLiteralToken) && Names.Any(name =>
            token.ValueText.EndsWith(name, StringComparison.Ordinal))
        select $"{SourceTree.Relative(file)}: {token.Text}");

    [Fact]
    public void Files_InTheFolderOfSqlite_AreOpenedBySqliteAlone()
    {
        Assert.NotEmpty(SourceTree.Files(Folder));
        Assert.Empty(SourceTree.Files(Folder)
            .Where(static file => Path.GetFileName(file) is not (LockOwner or Maker or LogReader))
            .SelectMany(Openings));
    }

    [Theory]
    [InlineData(LockOwner, "new FileStream(LockFileIn(path)")]
    [InlineData(Maker, "new FileStream(file, options)")]
    [InlineData(LogReader, "new FileStream(file, FileMode.Open, FileAccess.Read")]
    public void Openings_ThatAreAllowed_AreOneEach(string name, string start) =>
        Assert.StartsWith(start, Assert.Single(OpeningsOf(name)).Split(": ")[1], StringComparison.Ordinal);

    [Fact]
    public void File_OfTheDatabase_IsMadeWhereThereIsNone() => Assert.Contains(
        "Mode = FileMode.CreateNew", File.ReadAllText(Assert.Single(FilesOf(Maker))), StringComparison.Ordinal);

    [Fact]
    public void Openings_OfTheLog_AreBeforeSqliteOpensIt()
    {
        var journal = SourceTree.Files("src").Where(static file =>
            File.ReadAllText(file).Contains("WriteAheadLog.Check(", StringComparison.Ordinal));
        var text = File.ReadAllText(Assert.Single(journal));
        Assert.InRange(text.IndexOf("WriteAheadLog.Check(", StringComparison.Ordinal), 0,
            text.IndexOf("return new SqliteJournal(", StringComparison.Ordinal));
    }

    private static IEnumerable<string> FilesOf(string name) =>
        SourceTree.Files(Folder).Where(file => Path.GetFileName(file) == name);

    private static IEnumerable<string> OpeningsOf(string name) => FilesOf(name).SelectMany(Openings);

    private static IEnumerable<SyntaxToken> Tokens(string file) =>
        CSharpSyntaxTree.ParseText(File.ReadAllText(file)).GetRoot().DescendantTokens();

    private static IEnumerable<string> Openings(string file) =>
        from node in CSharpSyntaxTree.ParseText(File.ReadAllText(file)).GetRoot().DescendantNodes()
        where node switch
        {
            ObjectCreationExpressionSyntax made => Opening.Contains(made.Type.ToString()),
            MemberAccessExpressionSyntax { Expression: IdentifierNameSyntax type } member =>
                Opening.Contains(type.Identifier.Text) ||
                (type.Identifier.Text == "File" && !Harmless.Contains(member.Name.Identifier.Text)),
            _ => false,
        }
        select $"{SourceTree.Relative(file)}: {node}";
}
