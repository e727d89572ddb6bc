using System.Diagnostics;
using System.Globalization;
using System.Text;
using Evergrain.Suites.Crash;
using Evergrain.Suites.Hosting;

namespace Evergrain.Frontend.Tests.Crash;

/// <summary>The server in its own process, as its users start it, so that it can be killed.</summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _said = new();
    private readonly Task<string> _error;

    private ServerProcess(Process process)
    {
        _process = process;
        _error = ReadAsync();
    }

    /// <summary>Where it listens; a port that was free.</summary>
    public Uri Address { get; private set; } = null!;

    public int Id => _process.Id;

    /// <summary>Time that processors have spent on it.</summary>
    public TimeSpan ProcessorTime
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    /// <summary>Bytes of memory that it has now.</summary>
    public long ResidentBytes
    {
        get
        {
            _process.Refresh();
            return _process.WorkingSet64;
        }
    }

    public bool HasExited => _process.HasExited;

    public Uri Socket => new UriBuilder(Address) { Scheme = "ws", Path = "/v1/responses" }.Uri;

    /// <summary>Starts the server and waits for its greeting.</summary>
    public static async Task<ServerProcess> StartAsync(ServerSettings settings, CancellationToken cancellationToken)
    {
        var server = new ServerProcess(Launch(settings));
        var greeting = await server._process.StandardOutput.ReadLineAsync(cancellationToken);
        var address = greeting?.Split(' ').FirstOrDefault(word => word.StartsWith("http://", StringComparison.Ordinal));
        if (address is null)
        {
            Assert.Fail($"The server did not start: {greeting} {await server.StopReadingAsync()}");
        }

        server.Address = new Uri(address);
        return server;
    }

    /// <summary>Starts a server that must refuse to run; gives its exit code and what it said on stderr.</summary>
    public static async Task<(int ExitCode, string Error)> RefuseAsync(ServerSettings settings)
    {
        using var patience = new CancellationTokenSource(TestServer.Patience);
        await using var server = new ServerProcess(Launch(settings));
        await server._process.WaitForExitAsync(patience.Token);
        return (server._process.ExitCode, await server._error);
    }

    public HttpClient CreateHttpClient() => new() { BaseAddress = Address, Timeout = TestServer.Patience };

    /// <summary>SIGKILL. Whatever it said on stderr before fails the test.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync(CancellationToken.None);
        Assert.Empty(await _error);
    }

    /// <summary>SIGTERM; <see cref="ExitAsync"/> waits for what comes of it.</summary>
    public Task TerminateAsync(CancellationToken cancellationToken) => SignalAsync("TERM", cancellationToken);

    /// <summary>Sends a signal, by its name without SIG; perhaps another one behind it, within a millisecond.</summary>
    public async Task SignalAsync(string name, CancellationToken cancellationToken, string? andAtOnce = null)
    {
        var id = _process.Id.ToString(CultureInfo.InvariantCulture);
        var another = andAtOnce is null ? "" : $"; kill -{andAtOnce} {id}";
        using var kill = Process.Start("sh", ["-c", $"kill -{name} {id}{another}"]);
        await kill.WaitForExitAsync(cancellationToken);
    }

    /// <summary>Waits until it has said something on stderr.</summary>
    public async Task UntilSaysAsync(string text, CancellationToken cancellationToken)
    {
        while (!Said().Contains(text, StringComparison.Ordinal))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, cancellationToken);
        }
    }

    /// <summary>Waits until the process ends by itself; gives its exit code and what it said on stderr.</summary>
    public async Task<(int ExitCode, string Error)> ExitAsync(CancellationToken cancellationToken)
    {
        await _process.WaitForExitAsync(cancellationToken);
        return (_process.ExitCode, await _error);
    }

    public async ValueTask DisposeAsync()
    {
        await StopReadingAsync();
        _process.Dispose();
    }

    private static Process Launch(ServerSettings settings)
    {
        string[] command = settings switch
        {
            { FilesMax: { } files } => ["prlimit", FormattableString.Invariant($"--nofile={files}:{files}"), "dotnet"],
            { Group: { } group } => ["sh", "-c", "echo $$ > \"$0\" && exec dotnet \"$@\"", group],
            _ => ["dotnet"],
        };
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            UseShellExecute = false,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        start.ArgumentList.Add(typeof(Evergrain.Silo.EvergrainCommand).Assembly.Location);
        foreach (var option in settings.Options)
        {
            start.ArgumentList.Add(option);
        }

        foreach (var (name, value) in settings.Environment)
        {
            start.Environment[name] = value;
        }

        return Process.Start(start)!;
    }

    private string Said()
    {
        lock (_said)
        {
            return _said.ToString();
        }
    }

    private async Task<string> ReadAsync()
    {
        var piece = new char[1024];
        while (await _process.StandardError.ReadAsync(piece) is var count and > 0)
        {
            lock (_said)
            {
                _said.Append(piece, 0, count);
            }
        }

        return Said();
    }

    private async Task<string> StopReadingAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        return await _error;
    }
}

/// <summary>What a server is started with.</summary>
internal sealed record ServerSettings(params IReadOnlyList<string> Options)
{
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>How many files it may have open; null: as many as this process.</summary>
    public int? FilesMax { get; init; }

    /// <summary>The list of processes of the control group that it joins; null: it stays in this process's.</summary>
    public string? Group { get; init; }

    /// <summary>The same with one more setting, by its name in the environment without Evergrain__.</summary>
    public ServerSettings With(string setting, string value) => this with
    {
        Environment = new Dictionary<string, string>(Environment) { [$"Evergrain__{setting}"] = value },
    };

    /// <summary>A server with a journal of its own.</summary>
    public static ServerSettings OnSqlite(string directory) => new("--port", "0", "--data", directory);

    /// <summary>A server whose journal is in PostgreSQL.</summary>
    public static ServerSettings OnPostgres(string url) => new("--port", "0")
    {
        Environment = new Dictionary<string, string> { ["Evergrain__JournalUrl"] = url },
    };

    /// <summary>A server whose journal is in Azure Storage.</summary>
    public static ServerSettings OnAzure(string account, string container) => new("--port", "0", "--journal", "azure")
    {
        Environment = new Dictionary<string, string>
        {
            ["Evergrain__JournalUrl"] = account,
            ["Evergrain__Azure__Container"] = container,
        },
    };
}
