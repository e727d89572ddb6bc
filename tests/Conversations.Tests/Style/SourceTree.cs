using System.Runtime.CompilerServices;

namespace Evergrain.Conversations.Tests.Style;

/// <summary>The files of the project, as the style tests read them.</summary>
internal static class SourceTree
{
    public static readonly string Root = FindRoot();

    // What builds, runs and tools leave in a working copy.
    private static readonly HashSet<string> Left =
        ["bin", "obj", "node_modules", ".git", "artifacts", "data", "TestResults"];

    private static readonly Lazy<HashSet<string>> Entries = new(() => [.. Walk(Root).Select(Relative)]);

    /// <summary>Every file and folder of the tree, from the root, with slashes.</summary>
    public static IEnumerable<string> Tree => Entries.Value;

    /// <summary>Whether the tree holds a file or folder.</summary>
    public static bool Holds(string path) => Entries.Value.Contains(path);

    /// <summary>Whether a path of the tree ends so.</summary>
    public static bool HoldsEnd(string end) => Entries.Value.Any(path => path.EndsWith(end, StringComparison.Ordinal));

    /// <summary>A path from the root, without ".." and a slash at its end.</summary>
    public static string Normal(string path) => Relative(Path.GetFullPath(Path.Combine(Root, path)).TrimEnd('/'));

    /// <summary>Every C# file below these folders, build output left out.</summary>
    public static IEnumerable<string> Files(params string[] folders) => folders
        .Select(folder => Path.Combine(Root, folder))
        .Where(Directory.Exists)
        .SelectMany(folder => Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories))
        .Where(file => !file.Contains("/obj/", StringComparison.Ordinal) &&
            !file.Contains("/bin/", StringComparison.Ordinal))
        .Order(StringComparer.Ordinal);

    public static string Relative(string file) => Path.GetRelativePath(Root, file);

    // A folder that holds nothing is not in the repository, whatever a checkout has left of it.
    private static IEnumerable<string> Walk(string folder)
    {
        foreach (var file in Directory.EnumerateFiles(folder))
        {
            yield return file;
        }

        foreach (var inner in Directory.EnumerateDirectories(folder)
            .Where(static inner => !Left.Contains(Path.GetFileName(inner))))
        {
            var entries = Walk(inner).ToList();
            foreach (var entry in entries.Count > 0 ? entries.Prepend(inner) : entries)
            {
                yield return entry;
            }
        }
    }

    private static string FindRoot([CallerFilePath] string here = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", "..", ".."));
}
