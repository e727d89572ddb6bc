using System.Diagnostics;
using Evergrain.Suites.Hosting;

namespace Evergrain.Cluster.Tests.Faults;

/// <summary>One process of a cluster, as its users start it, so that it can be killed.</summary>
internal sealed class ClusterProcess : IAsyncDisposable
{
    /// <summary>The key of clients, where the process has keys.</summary>
    public const string ClientKey = "sk-client";

    /// <summary>The key of operators, likewise.</summary>
    public const string OperatorKey = "sk-operator";

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);

    private readonly WatchedProcess _process;
    private readonly TaskCompletionSource<string> _greeting =
        new(TaskCreationOptions.RunContinuationsAsynchronously);

    private ClusterProcess(string name, ProcessStartInfo start) =>
        _process = WatchedProcess.Start(name, start, Greet);

    public string Name => _process.Name;

    public int Id => _process.Id;

    public HttpClient Http { get; private set; } = null!;

    public bool HasExited => _process.HasExited;

    /// <summary>The last lines it wrote, to either stream.</summary>
    public string Story => _process.Story;

    /// <summary>Starts it, although it may never greet.</summary>
    public static ClusterProcess Begin(string name, ProcessStartInfo start) => new(name, start);

    /// <summary>Gives it keys, as a server behind a proxy needs them.</summary>
    /// <param name="start">How it is started.</param>
    /// <param name="isEarlier">Whether it is a build that knows no operators' keys.</param>
    public static void SetKeys(ProcessStartInfo start, bool isEarlier = false)
    {
        start.Environment["Evergrain__ApiKeys__0"] = ClientKey;
        if (!isEarlier)
        {
            start.Environment["Evergrain__OperatorKeys__0"] = OperatorKey;
        }
    }

    /// <summary>Starts it and waits for its greeting.</summary>
    public static async Task<ClusterProcess> StartAsync(string name, ProcessStartInfo start,
        CancellationToken cancellationToken)
    {
        var process = new ClusterProcess(name, start);
        try
        {
            await await Task.WhenAny(process._greeting.Task, process.ExitAsync(cancellationToken));
            Assert.False(process.HasExited, "It ended.");
            var address = (await process._greeting.Task).Split(' ').First(IsAddress);
            process.Http = new HttpClient { BaseAddress = new Uri(address), Timeout = TestServer.Patience };
            process.Http.DefaultRequestHeaders.Add("Authorization", $"Bearer {ClientKey}");
            return process;
        }
        catch (Exception e)
        {
            await process.DisposeAsync();
            throw new InvalidOperationException($"{name} did not start.\n{process.Story}", e);
        }
    }

    /// <summary>Waits until one of its last lines holds a text.</summary>
    public async Task UntilSaysAsync(string text, CancellationToken cancellationToken)
    {
        while (!Story.Contains(text, StringComparison.Ordinal))
        {
            Assert.False(HasExited, Story);
            await Task.Delay(Look, TimeProvider.System, cancellationToken);
        }
    }

    /// <summary>SIGKILL.</summary>
    public Task KillAsync() => _process.KillAsync();

    /// <summary>Sends a signal, by its name without SIG.</summary>
    public Task SignalAsync(string name, CancellationToken cancellationToken) =>
        _process.SignalAsync(name, cancellationToken);

    /// <summary>Waits until the process ends by itself; gives its exit code.</summary>
    public Task<int> ExitAsync(CancellationToken cancellationToken) => _process.ExitAsync(cancellationToken);

    /// <summary>What its counters and gauges say now.</summary>
    public async Task<Metrics> ReadMetricsAsync(CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/metrics");
        request.Headers.Add("Authorization", $"Bearer {OperatorKey}");
        using var answer = await Http.SendAsync(request, cancellationToken);
        return Metrics.Parse(
            await answer.EnsureSuccessStatusCode().Content.ReadAsStringAsync(cancellationToken));
    }

    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        Http?.Dispose();
    }

    private static bool IsAddress(string word) => word.StartsWith("http://", StringComparison.Ordinal);

    private void Greet(string line)
    {
        if (line.Split(' ').Any(IsAddress) && line.Contains("listens on", StringComparison.Ordinal))
        {
            _greeting.TrySetResult(line);
        }
    }
}
