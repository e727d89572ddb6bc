using System.Diagnostics;
using System.Globalization;
using Evergrain.Suites.Hosting;

namespace Evergrain.Cluster.Tests.Proxies;

/// <summary>
/// A proxy's processes: one that the others belong to. They end, and their directory goes, with this object or with
/// this process.
/// </summary>
internal sealed class ProxyProcess : IAsyncDisposable
{
    // As in PostgresServer: the shell ends what it started when its stdin ends. It leads a session of its own, so that
    // it is not killed with the tests. The proxy leads a process group, since its workers would outlive it.
    private const string Keeper = """
        folder=$1; shift
        setsid "$@" > "$folder/log" 2>&1 < /dev/null & proxy=$!
        echo "$proxy" > "$folder/started" && mv "$folder/started" "$folder/process"
        read -r word
        kill -KILL "-$proxy" 2> /dev/null; wait "$proxy"; rm -rf "$folder"
        """;

    /// <summary>How often a test looks whether something has happened.</summary>
    public static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);

    private readonly Process _keeper;

    private ProxyProcess(string folder, Process keeper) => (Folder, _keeper) = (folder, keeper);

    /// <summary>A directory of its own.</summary>
    public string Folder { get; }

    /// <summary>What it wrote so far.</summary>
    public string Log => File.Exists(Path.Combine(Folder, "log")) ? File.ReadAllText(Path.Combine(Folder, "log")) : "";

    private int Id => int.Parse(File.ReadAllText(Path.Combine(Folder, "process")), CultureInfo.InvariantCulture);

    /// <summary>Makes its directory.</summary>
    public static string NewFolder(string name) =>
        Directory.CreateTempSubdirectory($"evergrain-{name}-").FullName;

    /// <summary>Starts it in its directory.</summary>
    public static ProxyProcess Start(string folder, params string[] command)
    {
        var start = new ProcessStartInfo("setsid", ["sh", "-c", Keeper, "keeper", folder, .. command])
        {
            RedirectStandardInput = true,
            UseShellExecute = false,
        };
        return new ProxyProcess(folder, Process.Start(start)!);
    }

    /// <summary>Waits until something is so; fails when the proxy says that it cannot start.</summary>
    public async Task UntilAsync(Func<Task<bool>> condition, CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(TestServer.Patience);
        while (!await condition())
        {
            Assert.False(_keeper.HasExited || Log.Contains("[ALERT]", StringComparison.Ordinal) ||
                Log.Contains("[emerg]", StringComparison.Ordinal), "The proxy does not start: " + Log);
            await Task.Delay(Look, TimeProvider.System, patience.Token);
        }
    }

    /// <summary>
    /// Makes it read its configuration again, by a signal. A new worker is there then; the old ones, whose ids this
    /// gives, may be too.
    /// </summary>
    public async Task<IReadOnlyCollection<string>> ReloadAsync(string signal, CancellationToken cancellationToken)
    {
        var before = Workers();
        using var kill = Process.Start("kill", ["-" + signal, Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync(cancellationToken);
        Assert.Equal(0, kill.ExitCode);
        await UntilAsync(() => Task.FromResult(Workers().Except(before).Any()), cancellationToken);
        return before;
    }

    public async ValueTask DisposeAsync()
    {
        _keeper.StandardInput.Close();
        await _keeper.WaitForExitAsync();
        _keeper.Dispose();
    }

    private HashSet<string> Workers() =>
        [.. File.ReadAllText($"/proc/{Id}/task/{Id}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries)];
}

/// <summary>A proxy with the configuration that users get, before two servers.</summary>
internal interface IEdgeProxy : IAsyncDisposable
{
    /// <summary>Where clients connect.</summary>
    int Port { get; }

    /// <summary>Gives the first server nothing new, as the configuration says; what runs there goes on.</summary>
    Task TakeFirstOutAsync(CancellationToken cancellationToken);

    /// <summary>Makes it read its configuration again, as the configuration says.</summary>
    Task ReloadAsync(CancellationToken cancellationToken);
}
