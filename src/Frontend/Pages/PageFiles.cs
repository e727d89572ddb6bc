using System.Collections.Frozen;

namespace Evergrain.Frontend.Pages;

/// <summary>The files of the pages, as they are in the program.</summary>
internal static class PageFiles
{
    private const string Prefix = "pages/";

    private static readonly FrozenDictionary<string, PageFile> Files = Read();

    /// <summary>All files, by name.</summary>
    public static IReadOnlyDictionary<string, PageFile> All => Files;

    private static FrozenDictionary<string, PageFile> Read()
    {
        var assembly = typeof(PageFiles).Assembly;
        return assembly.GetManifestResourceNames()
            .Where(static name => name.StartsWith(Prefix, StringComparison.Ordinal))
            .ToFrozenDictionary(static name => name[Prefix.Length..], name =>
            {
                using var resource = assembly.GetManifestResourceStream(name)!;
                var bytes = new byte[resource.Length];
                resource.ReadExactly(bytes);
                return new PageFile(TypeOf(Path.GetExtension(name)), bytes);
            }, StringComparer.Ordinal);
    }

    private static string TypeOf(string extension) => extension switch
    {
        ".html" => "text/html; charset=utf-8",
        ".css" => "text/css; charset=utf-8",
        ".js" => "text/javascript; charset=utf-8",
        ".svg" => "image/svg+xml",
        _ => throw new InvalidOperationException($"The pages hold a file of an unknown kind, '{extension}'."),
    };
}

/// <summary>One of them.</summary>
/// <param name="ContentType">What it is.</param>
/// <param name="Bytes">Its content.</param>
internal sealed record PageFile(string ContentType, ReadOnlyMemory<byte> Bytes);
