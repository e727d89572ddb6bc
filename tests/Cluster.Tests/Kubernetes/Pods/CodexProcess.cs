using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Evergrain.Cluster.Tests.Faults;
using Evergrain.Cluster.Tests.Kubernetes.Image;

namespace Evergrain.Cluster.Tests.Kubernetes.Pods;

/// <summary>What came of a loop of Codex, as <c>tests/Clients/lib/codex-rollout.mjs</c> reports it.</summary>
/// <param name="Commands">How many commands ended.</param>
/// <param name="IsWhole">Whether each command ran once, in order.</param>
/// <param name="Items">Items that ever existed: those that Codex sent, and those that the model made.</param>
/// <param name="SentAgain">Items of the model's that Codex sent back.</param>
/// <param name="Connections">How many WebSockets it opened.</param>
/// <param name="Requests">How often it asked over HTTP.</param>
/// <param name="Stored">Whether it had anything stored.</param>
internal sealed record CodexLoop(
    int Commands, bool IsWhole, int Items, int SentAgain, int Connections, int Requests, bool Stored);

/// <summary>The real Codex CLI, from npm, in a loop of shell commands.</summary>
internal sealed class CodexProcess : IAsyncDisposable
{
    // One for each command, and two.
    private const int LinesMax = 1_000;

    private static readonly string Program = Repository.Place("tests/Clients/lib/codex-rollout.mjs");
    private static readonly string Cli = Repository.Place("tests/Clients/node_modules/@openai/codex/bin/codex.js");

    private readonly Channel<JsonNode> _lines = Channel.CreateBounded<JsonNode>(LinesMax);
    private readonly WatchedProcess _process;

    private CodexProcess(int port)
    {
        string[] command = [Program, port.ToString(CultureInfo.InvariantCulture), PodCluster.Key];
        _process = WatchedProcess.Start(
            "Codex", new ProcessStartInfo("node", command), line => _lines.Writer.TryWrite(JsonNode.Parse(line)!));
    }

    /// <summary>Why it cannot run here; null if it can.</summary>
    public static string? Obstacle { get; } = FindObstacle();

    /// <summary>What it said, for a test that failed.</summary>
    public string Story => _process.Story;

    /// <summary>Starts a loop against a server.</summary>
    /// <param name="port">The server's, on this machine.</param>
    public static CodexProcess Start(int port) => new(port);

    /// <summary>Waits until so many commands have ended.</summary>
    public async Task CommandsAsync(int count, CancellationToken cancellationToken)
    {
        while ((await NextAsync(cancellationToken))["commands"]?.GetValue<int>() != count)
        {
        }
    }

    /// <summary>Lets the loop run to its end without more waits, and gives what came of it.</summary>
    public async Task<CodexLoop> FinishAsync(CancellationToken cancellationToken)
    {
        await _process.SignalAsync("USR2", cancellationToken);
        while (true)
        {
            if ((await NextAsync(cancellationToken))["loop"] is { } loop)
            {
                return loop.Deserialize<CodexLoop>(JsonSerializerOptions.Web)!;
            }
        }
    }

    public ValueTask DisposeAsync() => _process.DisposeAsync();

    private async Task<JsonNode> NextAsync(CancellationToken cancellationToken)
    {
        var next = _lines.Reader.ReadAsync(cancellationToken).AsTask();
        var end = _process.Read;
        if (await Task.WhenAny(next, end) == end)
        {
            // The last line may still be on its way to this reader.
            _lines.Writer.TryComplete();
        }

        try
        {
            return await next;
        }
        catch (ChannelClosedException e)
        {
            throw new InvalidOperationException(
                $"Codex ended with {await _process.ExitAsync(cancellationToken)}.\n{Story}", e);
        }
    }

    private static string? FindObstacle()
    {
        if (!File.Exists(Cli))
        {
            return "Codex CLI is not installed: run npm ci in tests/Clients";
        }

        try
        {
            using var probe = Process.Start(new ProcessStartInfo("node", [Cli, "--version"])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                UseShellExecute = false,
            })!;
            probe.WaitForExit();
            return probe.ExitCode == 0 ? null : "Codex CLI has no binary for this platform";
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return "Node 20 is not installed";
        }
    }
}

/// <summary>A test that runs Codex before processes that are started as a container's.</summary>
public sealed class CodexFactAttribute : FactAttribute
{
    public CodexFactAttribute() => Skip = ContainerStart.Obstacle ?? CodexProcess.Obstacle;
}
