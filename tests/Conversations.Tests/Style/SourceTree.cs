using System.Runtime.CompilerServices;

namespace Evergrain.Conversations.Tests.Style;

/// <summary>The C# files of the project, as the style tests read them.</summary>
internal static class SourceTree
{
    public static readonly string Root = FindRoot();

    /// <summary>Every C# file below these folders, build output left out.</summary>
    public static IEnumerable<string> Files(params string[] folders) => folders
        .Select(folder => Path.Combine(Root, folder))
        .Where(Directory.Exists)
        .SelectMany(folder => Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories))
        .Where(file => !file.Contains("/obj/", StringComparison.Ordinal) &&
            !file.Contains("/bin/", StringComparison.Ordinal))
        .Order(StringComparer.Ordinal);

    public static string Relative(string file) => Path.GetRelativePath(Root, file);

    private static string FindRoot([CallerFilePath] string here = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", "..", ".."));
}
