using System.Globalization;

namespace Evergrain.Frontend.Listening;

/// <summary>How many files this process may have open, sockets among them.</summary>
internal static class OpenFiles
{
    private const string Limits = "/proc/self/limits";
    private const string Row = "Max open files";

    /// <summary>
    /// The limit in force; null: there is none, or this system does not report it. The runtime raises the limit as far
    /// as the process may when it starts.
    /// </summary>
    public static long? Max() => File.Exists(Limits) ? MaxOf(File.ReadLines(Limits)) : null;

    /// <summary>The same of the lines of such a file.</summary>
    internal static long? MaxOf(IEnumerable<string> lines)
    {
        var row = lines.FirstOrDefault(static line => line.StartsWith(Row, StringComparison.Ordinal));
        var columns = row?[Row.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return columns is [var soft, ..] && long.TryParse(soft, CultureInfo.InvariantCulture, out var max) ? max : null;
    }
}
