using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Evergrain.Tests.Services;
using Npgsql;

namespace Evergrain.Journals.Stores;

/// <summary>
/// A PostgreSQL of this run's own: a free port of 127.0.0.1, a data directory on the disk to measure, syncs as in
/// production. It ends, and its directory goes, with this object or with this process.
/// </summary>
internal sealed class PrivatePostgres : IAsyncDisposable
{
    private const string User = "evergrain";
    private const string Password = "bench";
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(50);

    // Ends when its stdin does, that is, at the latest when this process does.
    private const string Keeper = """
        folder=$1; shift
        "$@" >> "$folder/log" 2>&1 < /dev/null & server=$!
        read -r word
        kill -QUIT "$server" 2> /dev/null; wait "$server"; rm -rf "$folder"/*
        """;

    private readonly Process _keeper;
    private readonly string _folder;

    private PrivatePostgres(Process keeper, string folder, int port)
    {
        (_keeper, _folder) = (keeper, folder);
        Url = string.Create(CultureInfo.InvariantCulture, $"postgres://{User}:{Password}@127.0.0.1:{port}/postgres");
    }

    public string Url { get; }

    /// <summary>Makes and starts one; null where no PostgreSQL is installed.</summary>
    public static async Task<PrivatePostgres?> StartAsync(string parent, CancellationToken cancellationToken)
    {
        if (PostgresBinaries.Find() is not { } binaries)
        {
            return null;
        }

        var port = FreePort();
        var folder = Path.Combine(parent, $"journals-postgres-{Environment.ProcessId}-{port}");
        var data = Path.Combine(folder, "data");
        Directory.CreateDirectory(folder);
        await File.WriteAllTextAsync(Path.Combine(folder, "password"), Password + "\n", cancellationToken);
        await RunAsync(["chown", "-R", PostgresBinaries.ServerUser(), folder], cancellationToken);
        await RunAsync([.. PostgresBinaries.RunAs(Path.Combine(binaries, "initdb")), "-D", data, "-U", User,
            "--pwfile", Path.Combine(folder, "password"), "-A", "scram-sha-256", "-E", "UTF8", "--locale=C"],
            cancellationToken);
        string[] server = [Path.Combine(binaries, "postgres"), "-D", data, "-h", "127.0.0.1",
            "-p", port.ToString(CultureInfo.InvariantCulture), "-c", "unix_socket_directories="];
        string[] command = [.. PostgresBinaries.RunAs("sh"), "-c", Keeper, "keeper", folder, .. server];
        var postgres = new PrivatePostgres(Start(command, redirectInput: true), folder, port);
        await postgres.WaitReadyAsync(cancellationToken);
        return postgres;
    }

    public async ValueTask DisposeAsync()
    {
        _keeper.StandardInput.Close();
        await _keeper.WaitForExitAsync();
        _keeper.Dispose();

        // The server's user may empty the directory and not unlink it.
        Directory.Delete(_folder, recursive: true);
    }

    private async Task WaitReadyAsync(CancellationToken cancellationToken)
    {
        var begun = Stopwatch.GetTimestamp();
        while (!await IsReadyAsync(cancellationToken))
        {
            if (_keeper.HasExited || Stopwatch.GetElapsedTime(begun) > StartTimeout)
            {
                await DisposeAsync();
                throw new InvalidOperationException("PostgreSQL did not start.");
            }

            await Task.Delay(LookInterval, TimeProvider.System, cancellationToken);
        }
    }

    private async Task<bool> IsReadyAsync(CancellationToken cancellationToken)
    {
        var settings = Providers.Postgres.PostgresUrl.Parse(Url);
        settings.Pooling = false;
        try
        {
            await using var connection = new NpgsqlConnection(settings.ToString());
            await connection.OpenAsync(cancellationToken);
            return true;
        }
        catch (Exception e) when (e is NpgsqlException or SocketException or IOException)
        {
            return false;
        }
    }

    private static async Task RunAsync(string[] command, CancellationToken cancellationToken)
    {
        using var process = Start(command, redirectInput: false);
        var output = process.StandardOutput.ReadToEndAsync(cancellationToken);
        var errors = await process.StandardError.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{command[0]} failed: {errors}{await output}");
        }
    }

    private static Process Start(string[] command, bool redirectInput)
    {
        var start = new ProcessStartInfo(command[0])
        {
            RedirectStandardInput = redirectInput,
            RedirectStandardOutput = !redirectInput,
            RedirectStandardError = !redirectInput,
            UseShellExecute = false,
        };
        Array.ForEach(command[1..], start.ArgumentList.Add);
        return Process.Start(start)!;
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
