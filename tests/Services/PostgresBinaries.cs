namespace Evergrain.Tests.Services;

/// <summary>The PostgreSQL that is installed, and the user it may run as.</summary>
internal static class PostgresBinaries
{
    /// <summary>Names the directory; then no other place is looked at.</summary>
    public const string FolderVariable = "EVERGRAIN_POSTGRES_BIN";

    private const string DebianFolder = "/usr/lib/postgresql";

    /// <summary>The directory that holds <c>initdb</c> and <c>postgres</c>; null if there is none.</summary>
    public static string? Find() => Candidates().FirstOrDefault(
        folder => File.Exists(Path.Combine(folder, "initdb")) && File.Exists(Path.Combine(folder, "postgres")));

    /// <summary>The command that runs another as a user PostgreSQL accepts: it refuses root.</summary>
    public static string[] RunAs(string command) => Environment.UserName == "root"
        ? ["setpriv", $"--reuid={ServerUser()}", $"--regid={ServerUser()}", "--clear-groups", command]
        : [command];

    /// <summary>The user that owns the data directory.</summary>
    public static string ServerUser() =>
        Environment.UserName != "root" ? Environment.UserName
        : File.ReadLines("/etc/passwd").Any(line => line.StartsWith("postgres:", StringComparison.Ordinal)) ? "postgres"
        : "nobody";

    private static IEnumerable<string> Candidates()
    {
        if (Environment.GetEnvironmentVariable(FolderVariable) is { Length: > 0 } named)
        {
            yield return named;
            yield break;
        }

        foreach (var folder in (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator))
        {
            yield return folder;
        }

        if (Directory.Exists(DebianFolder))
        {
            foreach (var version in Directory.GetDirectories(DebianFolder).OrderByDescending(Version))
            {
                yield return Path.Combine(version, "bin");
            }
        }
    }

    private static int Version(string folder) => int.TryParse(Path.GetFileName(folder), out var version) ? version : 0;
}
