using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Evergrain.Tests.Services;

/// <summary>
/// Azurite, Microsoft's emulator of Azure Storage, of the tests' own: private ports of 127.0.0.1, a private directory.
/// It can be stopped, paused and started again. It ends, and its directory goes, with this object or with this process.
/// </summary>
public sealed class AzuriteServer : IAsyncLifetime
{
    /// <summary>Names its main file; then no other place is looked at.</summary>
    public const string FileVariable = "EVERGRAIN_AZURITE";

    // The account and the key that every Azurite has; they are in its documentation.
    private const string Account = "devstoreaccount1";
    private const string Key =
        "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

    private const string Installed = "tests/Services/node_modules/azurite/dist/src/azurite.js";
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    // What the shell started ends when its stdin does, that is, with this process. Azurite saves what it knows when it
    // is told to end, so it is not killed.
    private const string Keeper = """
        exec > /dev/null 2>&1
        folder=$1; shift
        "$@" >> "$folder/log" 2>&1 < /dev/null & server=$!
        echo "$server" > "$folder/pid.new" && mv "$folder/pid.new" "$folder/pid"
        read -r word
        kill -CONT "$server"; kill -TERM "$server"; wait "$server"
        [ "$word" = leave ] || rm -rf "$folder"
        """;

    private string _folder = "";
    private Process? _keeper;
    private int _containers;

    public int BlobPort { get; private set; }

    public int TablePort { get; private set; }

    /// <summary>How to reach it.</summary>
    public string ConnectionString => ConnectionStringOver(BlobPort, TablePort);

    public async Task InitializeAsync()
    {
        _folder = Directory.CreateTempSubdirectory("evergrain-azurite-").FullName;
        (BlobPort, TablePort) = (FreePort(), FreePort());
        await StartAsync();
    }

    public Task DisposeAsync() => LeaveAsync(word: null);

    /// <summary>The same over other ports, where proxies stand before it.</summary>
    public static string ConnectionStringOver(int blobPort, int tablePort) =>
        $"DefaultEndpointsProtocol=http;AccountName={Account};AccountKey={Key};" +
        $"BlobEndpoint=http://127.0.0.1:{blobPort}/{Account};TableEndpoint=http://127.0.0.1:{tablePort}/{Account}";

    /// <summary>The name of a container that is not there yet: a journal of its own.</summary>
    public string NewContainer() =>
        "journal" + Interlocked.Increment(ref _containers).ToString(CultureInfo.InvariantCulture);

    /// <summary>Starts it again after <see cref="StopAsync"/>, with the same ports and data.</summary>
    public async Task StartAsync()
    {
        if (_keeper is not null)
        {
            return;
        }

        string[] command = ["sh", "-c", Keeper, "keeper", _folder, "node", MainFile(), "--silent",
            "--disableTelemetry", "--location", Path.Combine(_folder, "data"), "--blobHost", "127.0.0.1", "--tableHost",
            "127.0.0.1", "--queueHost", "127.0.0.1", "--queuePort", "0", "--blobPort", $"{BlobPort}", "--tablePort",
            $"{TablePort}"];
        var start = new ProcessStartInfo("setsid") { RedirectStandardInput = true, UseShellExecute = false };
        Array.ForEach(command, start.ArgumentList.Add);
        _keeper = Process.Start(start)!;
        var begun = TimeProvider.System.GetTimestamp();
        while (!await ListensAsync(BlobPort) || !await ListensAsync(TablePort))
        {
            Assert.True(TimeProvider.System.GetElapsedTime(begun) < Patience,
                "Azurite does not come up: " + Path.Combine(_folder, "log"));
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
        }
    }

    /// <summary>Tells it to end, and waits until it has.</summary>
    public Task StopAsync() => LeaveAsync("leave");

    /// <summary>Lets it answer nothing until it goes on.</summary>
    public void Pause() => Signal("-STOP");

    /// <summary>Lets it go on.</summary>
    public void Resume() => Signal("-CONT");

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static string MainFile()
    {
        if (Environment.GetEnvironmentVariable(FileVariable) is { Length: > 0 } named)
        {
            return named;
        }

        for (var folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (File.Exists(Path.Combine(folder, Installed)))
            {
                return Path.Combine(folder, Installed);
            }
        }

        throw new InvalidOperationException("Azurite is not installed: run `npm ci --prefix tests/Services`, or " +
            "leave out the tests with Needs=Azurite.");
    }

    private static async Task<bool> ListensAsync(int port)
    {
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private void Signal(string signal)
    {
        using var kill = Process.Start("kill", [signal, File.ReadAllText(Path.Combine(_folder, "pid")).Trim()]);
        kill.WaitForExit();
        Assert.Equal(0, kill.ExitCode);
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
