using System.Diagnostics;
using System.Globalization;
using Evergrain.Providers.Sqlite;
using Evergrain.Suites.Crash;
using Evergrain.Suites.Hosting;
using Evergrain.Tests.Services;
using Microsoft.Data.Sqlite;

namespace Evergrain.Frontend.Tests.Crash;

/// <summary>A backup beside a server that clients keep busy, as the runbook says; then a server on the copy.</summary>
public abstract class BackupContract : IDisposable
{
    private const int Clients = 8;
    private const int TurnsEach = 6;
    private const int Seed = 20261129;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("evergrain-backup-");
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromMinutes(3));

    protected CancellationToken Token => _patience.Token;

    public void Dispose()
    {
        _patience.Dispose();
        _folder.Delete(recursive: true);
        GC.SuppressFinalize(this);
    }

    protected string PathOf(string name) => Path.Combine(_folder.FullName, name);

    /// <summary>Some clients end their turns, others run while the copy is made; then a server runs on it.</summary>
    internal async Task BackUpAsync(ServerSettings live, ServerSettings restored, Func<Task> copyAndRestore)
    {
        await using var server = await ServerProcess.StartAsync(live, Token);
        using var before = NewCrowd(server, 0);
        before.Start(Token, TurnsEach);
        await before.EndAsync();
        using var meanwhile = NewCrowd(server, Clients);
        meanwhile.Start(Token);
        await meanwhile.EachGoesOnAsync(Token);
        await copyAndRestore();
        await meanwhile.EachGoesOnAsync(Token);
        await meanwhile.StopAsync();
        using var http = server.CreateHttpClient();
        await meanwhile.CheckAsync(http, Token);

        await using var other = await ServerProcess.StartAsync(restored, Token);
        using var otherHttp = other.CreateHttpClient();
        await before.CheckAsync(otherHttp, Token);
        using var after = NewCrowd(other, 2 * Clients);
        after.Start(Token, 1);
        await after.EndAsync();
        await after.CheckAsync(otherHttp, Token);
    }

    private static Crowd NewCrowd(ServerProcess server, int first) => new(Clients, Seed, (number, chooser) =>
        new SocketClient(chooser, server.Socket, $"session-{number}", turnsPerConnection: int.MaxValue), first);

    private protected async Task<(int ExitCode, string Said)> RunAsync(string? password, string program,
        params string[] arguments)
    {
        using var process = Begin(password, program, arguments);
        var said = process.StandardOutput.ReadToEndAsync(Token);
        var error = await process.StandardError.ReadToEndAsync(Token);
        await process.WaitForExitAsync(Token);
        return (process.ExitCode, await said + error);
    }

    private protected static Process Begin(string? password, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            UseShellExecute = false,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        start.Environment["PGPASSWORD"] = password ?? "";
        return Process.Start(start)!;
    }
}

/// <summary><c>evergrain backup FILE</c>.</summary>
[Collection(nameof(ProcessTests))]
public sealed class SqliteBackupTests : BackupContract
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const int LargeMiB = 192;

    private static string ServerAssembly => typeof(Evergrain.Silo.EvergrainCommand).Assembly.Location;

    [Fact]
    public Task Sqlite_CopiedWhileClientsRun_HoldsEveryTurnThatEndedBefore()
    {
        var (live, copy, restored) = (PathOf("live"), PathOf("copy.db"), PathOf("restored"));
        return BackUpAsync(ServerSettings.OnSqlite(live), ServerSettings.OnSqlite(restored), async () =>
        {
            var (exitCode, said) = await RunAsync(null, "dotnet", ServerAssembly, "backup", copy, "--data", live);
            Assert.True(exitCode == 0, said);
            Assert.Equal($"The journal in the directory {live} is copied to {copy}.", said.Trim());
            Assert.All([copy, .. Directory.GetFiles(live, "evergrain.db*")], static file =>
                Assert.Equal((file, OwnerOnly), (file, ModeOf(file))));
            Directory.CreateDirectory(restored);
            File.Copy(copy, Path.Combine(restored, "evergrain.db"));
        });
    }

    [Fact]
    public async Task Sqlite_UnfinishedFileOfAnotherBackup_IsLeftAlone()
    {
        var (live, copy) = (PathOf("live"), PathOf("copy.db"));
        await using (await ServerProcess.StartAsync(ServerSettings.OnSqlite(live), Token))
        {
            await File.WriteAllTextAsync(copy + ".unfinished", "another's", Token);

            var (exitCode, said) = await RunAsync(null, "dotnet", ServerAssembly, "backup", copy, "--data", live);

            Assert.True(exitCode == 0, said);
            Assert.Equal("another's", await File.ReadAllTextAsync(copy + ".unfinished", Token));
        }
    }

    [Fact]
    public async Task Sqlite_BackupsOfOneNameAtOnce_LeaveOneThatIsWhole()
    {
        var (live, folder) = (PathOf("live"), Directory.CreateDirectory(PathOf("copies")).FullName);
        await MakeJournalAsync(live, mebibytes: 4);
        var copy = Path.Combine(folder, "copy.db");

        var failures = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ =>
            Task.Run(() => Record.Exception(() => SqliteBackup.Write(live, copy, Token)))));

        Assert.Single(failures, static failure => failure is null);
        Assert.All(failures.OfType<Exception>(), static failure =>
            Assert.EndsWith("is there already: name a new one.", failure.Message, StringComparison.Ordinal));
        Assert.Equal([copy], Directory.GetFiles(folder));
        Assert.Equal("ok", await AskAsync(copy, "PRAGMA integrity_check"));
        Assert.Equal(4L, await AskAsync(copy, "SELECT count(*) FROM appends"));
    }

    [Theory]
    [InlineData("TERM")]
    [InlineData("INT")]
    [InlineData("HUP")]
    public async Task Sqlite_ToldToStopInTheMiddle_LeavesNothing(string signal)
    {
        var folder = Directory.CreateDirectory(PathOf("copies")).FullName;
        var copy = Path.Combine(folder, "copy.db");
        var (exitCode, said) = (0, "");
        for (var attempt = 0; exitCode == 0 && attempt < 5; attempt++)
        {
            // A copy that was faster than the signal is made again of a larger journal.
            File.Delete(copy);
            var live = PathOf($"live-{attempt}");
            await MakeJournalAsync(live, LargeMiB << attempt);
            (exitCode, said) = await TellToStopAsync(live, copy, signal);
        }

        Assert.Equal((1, $"evergrain: The backup was told to stop, so there is no file {copy}.\n"), (exitCode, said));
        Assert.Empty(Directory.GetFiles(folder));
    }

    [Fact]
    public async Task Sqlite_NothingToCopyOrFileIsThere_IsOneSentence()
    {
        var copy = PathOf("copy.db");
        var nothing = await RunAsync(null, "dotnet", ServerAssembly, "backup", copy, "--data", PathOf("none"));
        await File.WriteAllTextAsync(copy, "", Token);
        await using (await ServerProcess.StartAsync(ServerSettings.OnSqlite(PathOf("live")), Token))
        {
            var there = await RunAsync(null, "dotnet", ServerAssembly, "backup", copy, "--data", PathOf("live"));

            Assert.Equal((1, $"evergrain: The file {copy} is there already: name a new one.\n"), there);

            // No folder; a folder in the file's place.
            foreach (var bad in (string[])[PathOf("none/copy.db"), PathOf("")])
            {
                var (code, said) = await RunAsync(
                    null, "dotnet", ServerAssembly, "backup", bad, "--data", PathOf("live"));
                Assert.Equal(1, code);
                Assert.Contains("cannot be copied to", Assert.Single(said.TrimEnd().Split('\n')),
                    StringComparison.Ordinal);
            }
        }

        Assert.Equal((1, $"evergrain: There is no journal {PathOf("none")}/evergrain.db: name its directory with " +
            "--data.\n"), nothing);
        Assert.Equal(0, new FileInfo(copy).Length);
        Assert.False(Directory.Exists(PathOf("none")));
    }

    // Windows has other rights.
    private static UnixFileMode ModeOf(string file) =>
        OperatingSystem.IsWindows() ? OwnerOnly : File.GetUnixFileMode(file);

    private async Task<(int ExitCode, string Error)> TellToStopAsync(string live, string copy, string signal)
    {
        using var process = Begin(null, "dotnet", ServerAssembly, "backup", copy, "--data", live);
        var error = process.StandardError.ReadToEndAsync(Token);

        // The first file that shows up is the unfinished one, and what follows takes some hundred milliseconds.
        while (!process.HasExited && Directory.GetFiles(Path.GetDirectoryName(copy)!).Length == 0)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(2), TimeProvider.System, Token);
        }

        using var kill = Process.Start("kill", [$"-{signal}", process.Id.ToString(CultureInfo.InvariantCulture)]);
        await process.WaitForExitAsync(Token);
        return (process.ExitCode, await error);
    }

    /// <summary>A journal of that many appends of a mebibyte, which belong to nobody.</summary>
    private async Task MakeJournalAsync(string directory, int mebibytes)
    {
        await using (var server = await ServerProcess.StartAsync(ServerSettings.OnSqlite(directory), Token))
        {
            await server.KillAsync();
        }

        await AskAsync(Path.Combine(directory, "evergrain.db"), FormattableString.Invariant($"""
            INSERT INTO appends (conversation, position, writer, records)
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {mebibytes})
            SELECT 0, i, 0, zeroblob({1 << 20}) FROM n
            """));
    }

    private async Task<object?> AskAsync(string file, string sql)
    {
        await using var connection = new SqliteConnection($"Data Source={file};Pooling=False");
        await connection.OpenAsync(Token);
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        return await command.ExecuteScalarAsync(Token);
    }
}

/// <summary><c>pg_dump</c> and <c>pg_restore</c>.</summary>
[Trait("Needs", "Postgres")]
[Collection(nameof(PostgresProcessTests))]
public sealed class PostgresBackupTests(PostgresServer postgres) : BackupContract
{
    [Fact]
    public async Task Postgres_DumpedWhileClientsRun_HoldsEveryTurnThatEndedBefore()
    {
        var (live, restored) = (await postgres.CreateDatabaseAsync(), await postgres.CreateDatabaseAsync());
        var copy = PathOf("copy.dump");
        await BackUpAsync(ServerSettings.OnPostgres(postgres.Url(live)),
            ServerSettings.OnPostgres(postgres.Url(restored)), async () =>
        {
            string[] place = ["-h", "127.0.0.1", "-p", $"{postgres.Port}", "-U", PostgresServer.User];
            var dump = await RunAsync(PostgresServer.Password,
                Program("pg_dump"), [.. place, "-Fc", "-n", "evergrain", "-f", copy, live]);
            Assert.True(dump.ExitCode == 0, dump.Said);
            var restore = await RunAsync(PostgresServer.Password,
                Program("pg_restore"), [.. place, "--exit-on-error", "-d", restored, copy]);
            Assert.True(restore.ExitCode == 0, restore.Said);
        });
    }

    private static string Program(string name) =>
        Path.Combine(PostgresBinaries.Find()!, name) is var path && File.Exists(path) ? path : name;
}
