using Evergrain.Cluster.Tests.Faults;

namespace Evergrain.Cluster.Tests.Kubernetes.Pods;

/// <summary>What pods did, those that are gone among them: their counters are read until they end.</summary>
internal sealed class PodWork : IAsyncDisposable
{
    private readonly CancellationTokenSource _over = new();
    private readonly Dictionary<PodProcess, Sum> _last = [];
    private readonly SemaphoreSlim _reading = new(1);
    private readonly PodDeployment _deployment;
    private readonly Task _watching;

    private PodWork(PodDeployment deployment, TimeSpan look)
    {
        _deployment = deployment;
        _watching = WatchAsync(look);
    }

    /// <summary>Begins to watch.</summary>
    /// <param name="deployment">Whose pods.</param>
    /// <param name="look">How long the counters of a pod are at most unread when it ends, beside the reading.</param>
    public static PodWork Watch(PodDeployment deployment, TimeSpan look) => new(deployment, look);

    /// <summary>What all pods did that were there since it began.</summary>
    public async Task<Sum> SumAsync()
    {
        await _reading.WaitAsync(CancellationToken.None);
        try
        {
            foreach (var pod in _deployment.Pods.Where(static pod => !pod.HasGone))
            {
                await ReadAsync(pod);
            }

            return _last.Values.Aggregate(new Sum(0, 0, 0), static (all, one) => all + one);
        }
        finally
        {
            _reading.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        await _watching;
        _reading.Dispose();
        _over.Dispose();
    }

    private async Task WatchAsync(TimeSpan look)
    {
        while (!_over.IsCancellationRequested)
        {
            await SumAsync();
            await Task.Delay(look, TimeProvider.System, _over.Token).ConfigureAwait(
                ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task ReadAsync(PodProcess pod)
    {
        try
        {
            var metrics = await pod.ReadMetricsAsync(_over.Token);
            _last[pod] = new Sum(metrics["evergrain.items.validated"], metrics["evergrain.items.rendered"],
                metrics["evergrain.bytes.journaled"]);
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            // It begins or ends, or nobody wants to know any more.
        }
    }

    /// <summary>Items validated in full, items rendered, bytes given to the journal.</summary>
    internal sealed record Sum(double Validated, double Rendered, double Journaled)
    {
        public static Sum operator +(Sum one, Sum other) =>
            new(one.Validated + other.Validated, one.Rendered + other.Rendered, one.Journaled + other.Journaled);

        public static Sum operator -(Sum one, Sum other) =>
            new(one.Validated - other.Validated, one.Rendered - other.Rendered, one.Journaled - other.Journaled);
    }
}
