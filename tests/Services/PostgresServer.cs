using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace Evergrain.Tests.Services;

/// <summary>
/// A PostgreSQL of the tests' own: a private port of 127.0.0.1, a private data directory, disk syncs as in production.
/// It can be killed and started again. It ends, and its directory goes, with this object or with this process.
/// </summary>
public sealed class PostgresServer : IAsyncLifetime
{
    public const string User = "evergrain";

    /// <summary>The database that is there from the start.</summary>
    public const string Database = "postgres";

    /// <summary>Holds what a URL must encode and a connection string must quote.</summary>
    public const string Password = "p@ss/w?rd:;=%41 ";

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    // What the shell started ends when its stdin does, that is, with this process. It leads a session of its own, since
    // a signal to the whole group of a test run must not end it before it has cleaned up.
    private const string Keeper = """
        exec > /dev/null 2>&1
        folder=$1; shift
        "$@" >> "$folder/log" 2>&1 < /dev/null & server=$!
        read -r word
        if [ "$word" = leave ]; then wait "$server"; exit; fi
        kill -QUIT "$server" 2> /dev/null; wait "$server"; rm -rf "$folder"
        """;

    private readonly string _binaries = PostgresBinaries.Find() ??
        throw new InvalidOperationException("PostgreSQL is not installed: leave out the tests with Needs=Postgres.");

    private string _folder = "";
    private Process? _keeper;
    private int _databases;
    private int _schemas;

    public int Port { get; private set; }

    /// <summary>The directory of the server's Unix socket.</summary>
    public string SocketFolder => _folder;

    private string DataFolder => Path.Combine(_folder, "data");

    private string PidFile => Path.Combine(DataFolder, "postmaster.pid");

    public async Task InitializeAsync()
    {
        _folder = Directory.CreateTempSubdirectory("evergrain-postgres-").FullName;
        await File.WriteAllTextAsync(Path.Combine(_folder, "password"), Password + "\n");
        await RunAsync("chown", "-R", PostgresBinaries.ServerUser(), _folder);
        await RunAsync([.. PostgresBinaries.RunAs(Path.Combine(_binaries, "initdb")), "-D", DataFolder, "-U", User,
            "--pwfile", Path.Combine(_folder, "password"), "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "-N"]);
        Port = FreePort();
        await StartAsync();
    }

    public async Task DisposeAsync() => await LeaveAsync(word: null);

    /// <summary>The URL of a database, over another port if a proxy stands before the server.</summary>
    public string Url(string database, int? port = null, string password = Password) =>
        $"postgres://{User}:{Uri.EscapeDataString(password)}@127.0.0.1:{port ?? Port}/{database}";

    /// <summary>
    /// A schema that is not there yet: a journal of its own. A database would be one too, but each has hundreds of
    /// files, and a killed server syncs every one before it is up again.
    /// </summary>
    public string NewSchema() =>
        "journal_" + Interlocked.Increment(ref _schemas).ToString(CultureInfo.InvariantCulture);

    /// <summary>Makes an empty database and gives its name.</summary>
    public async Task<string> CreateDatabaseAsync()
    {
        var name = "test_" + Interlocked.Increment(ref _databases).ToString(CultureInfo.InvariantCulture);
        await ExecuteAsync(Database, $"CREATE DATABASE {name}");
        return name;
    }

    /// <summary>Runs a statement, as another program would, and gives its first value.</summary>
    public async Task<object?> ExecuteAsync(string database, string sql, string? schema = null)
    {
        await using var connection = await ConnectAsync(database, schema);
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync();
    }

    /// <summary>A connection of another program, which finds tables in <paramref name="schema"/>.</summary>
    public async Task<NpgsqlConnection> ConnectAsync(string database, string? schema = null)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder
        {
            Host = "127.0.0.1",
            Port = Port,
            Username = User,
            Password = Password,
            Database = database,
            SearchPath = schema,
            Pooling = false,
        }.ToString());
        try
        {
            await connection.OpenAsync();
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>Kills the server as a power cut would, and waits until all its processes are gone.</summary>
    public async Task KillAsync()
    {
        var postmaster = Postmaster();
        var family = Children(postmaster).Append(postmaster).ToList();
        using (var process = Process.GetProcessById(postmaster))
        {
            process.Kill();
        }

        await LeaveAsync("leave");
        await UntilAsync(() => Task.FromResult(!family.Exists(IsAlive)), "the killed server's processes stay");
    }

    /// <summary>Starts the killed server again, with the same port and data.</summary>
    public async Task StartAsync()
    {
        // A test that failed may have left it running, or dead.
        if (_keeper is not null)
        {
            return;
        }

        string[] server = [Path.Combine(_binaries, "postgres"), "-D", DataFolder, "-p", $"{Port}", "-h", "127.0.0.1",
            "-k", _folder, "-c", "max_connections=100", "-c", "shared_buffers=64MB"];
        string[] command = ["setsid", .. PostgresBinaries.RunAs("sh"), "-c", Keeper, "keeper", _folder, .. server];
        var start = new ProcessStartInfo(command[0]) { RedirectStandardInput = true, UseShellExecute = false };
        Array.ForEach(command[1..], start.ArgumentList.Add);
        _keeper = Process.Start(start)!;
        await UntilAsync(IsReadyAsync, "PostgreSQL does not come up: " + Path.Combine(_folder, "log"));
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static async Task RunAsync(params string[] command)
    {
        var start = new ProcessStartInfo(command[0])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        Array.ForEach(command[1..], start.ArgumentList.Add);
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{command[0]} failed: {errors}{await output}");
        }
    }

    private static async Task UntilAsync(Func<Task<bool>> condition, string complaint)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (!await condition())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(started) < Patience, complaint);
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
        }
    }

    private static IEnumerable<int> Children(int parent) => Directory.EnumerateDirectories("/proc")
        .Select(folder => int.TryParse(Path.GetFileName(folder), out var pid) ? pid : 0)
        .Where(pid => pid > 0 && StatOf(pid) is { } stat && stat[1] == parent.ToString(CultureInfo.InvariantCulture));

    // A zombie is gone, whether its parent looked or not.
    private static bool IsAlive(int pid) => StatOf(pid) is { } stat && stat[0] != "Z";

    /// <summary>A process's state, its parent, and the rest; null if there is none.</summary>
    private static string[]? StatOf(int pid)
    {
        try
        {
            var text = File.ReadAllText($"/proc/{pid}/stat");
            return text[(text.LastIndexOf(')') + 2)..].Split(' ');
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private int Postmaster() => int.Parse(File.ReadLines(PidFile).First(), CultureInfo.InvariantCulture);

    private async Task<bool> IsReadyAsync()
    {
        try
        {
            await using var connection = await ConnectAsync(Database);
            return true;
        }
        catch (Exception e) when (e is NpgsqlException or SocketException or IOException)
        {
            Assert.False(_keeper!.HasExited, "PostgreSQL ended: " + Path.Combine(_folder, "log"));
            return false;
        }
    }

    private async Task LeaveAsync(string? word)
    {
        if (_keeper is null)
        {
            return;
        }

        if (word is not null)
        {
            await _keeper.StandardInput.WriteLineAsync(word);
        }

        _keeper.StandardInput.Close();
        await _keeper.WaitForExitAsync();
        _keeper.Dispose();
        _keeper = null;
    }
}
