using Evergrain.Cluster.Tests.Faults;
using Evergrain.Cluster.Tests.Kubernetes.Image;

namespace Evergrain.Cluster.Tests.Kubernetes.Pods;

/// <summary>
/// One pod as a process, and what the kubelet does for it: it probes it, starts its container again when it ends, and
/// ends it with preStop, SIGTERM and, after the grace, SIGKILL.
/// </summary>
internal sealed class PodProcess : IAsyncDisposable
{
    // As the kubelet waits before a container that ended starts again: not the first time, then from 10 s to 5 min.
    private static readonly TimeSpan BackOffMin = TimeSpan.FromSeconds(10), BackOffMax = TimeSpan.FromMinutes(5);

    private readonly PublishedImage _image;
    private readonly PodPlan _plan;
    private readonly CancellationTokenSource _gone = new();
    private readonly List<string> _stories = [];
    private readonly Task _living;
    private WatchedProcess? _container;
    private Task _ending = Task.CompletedTask;
    private long _readySince;

    private PodProcess(PublishedImage image, PodPlan plan, string revision)
    {
        (_image, _plan, Revision) = (image, plan, revision);
        Http = new HttpClient { BaseAddress = new Uri($"http://{plan.Address}:{plan.PortOf("http")}") };
        _living = LiveAsync();
    }

    public string Name => _plan.Name;

    public string Address => _plan.Address;

    /// <summary>Which template it was made from.</summary>
    public string Revision { get; }

    /// <summary>Asks the pod itself, past its Service.</summary>
    public HttpClient Http { get; }

    /// <summary>When it was told to go; 0: it was not. Timestamps of the system's clock.</summary>
    public long TerminatingSince { get; private set; }

    public bool IsReady => Volatile.Read(ref _readySince) != 0;

    public bool HasGone => TerminatingSince != 0 && _living.IsCompleted;

    /// <summary>How often its container was started again.</summary>
    public int Restarts { get; private set; }

    /// <summary>Whether its last process was still there when its grace was over.</summary>
    public bool WasKilled { get; private set; }

    /// <summary>How its last process ended; null: none has.</summary>
    public int? ExitCode { get; private set; }

    /// <summary>How long it took from the order to go to its end.</summary>
    public TimeSpan LeavingTime { get; private set; }

    public string Story => string.Join('\n', [.. _stories, _container?.Story ?? ""]);

    /// <summary>Starts one.</summary>
    public static PodProcess Start(PublishedImage image, PodPlan plan, string revision) => new(image, plan, revision);

    /// <summary>Whether it has been ready for so long.</summary>
    public bool IsAvailable(TimeSpan minReady) => Volatile.Read(ref _readySince) is not 0 and var since &&
        TimeProvider.System.GetElapsedTime(since) >= minReady;

    /// <summary>The API's order to delete it; the kubelet carries it out.</summary>
    public void Terminate()
    {
        if (TerminatingSince == 0)
        {
            TerminatingSince = TimeProvider.System.GetTimestamp();
            _ending = EndAsync();
        }
    }

    /// <summary>SIGKILL of its process, as for want of memory: the kubelet starts it again.</summary>
    public void Kill() => _container!.Kill();

    /// <summary>What its counters and gauges say now.</summary>
    public async Task<Metrics> ReadMetricsAsync(CancellationToken cancellationToken) =>
        Metrics.Parse(await Http.GetStringAsync(
            new Uri($"http://{Address}:{_plan.PortOf("operations")}/metrics"), cancellationToken));

    public async ValueTask DisposeAsync()
    {
        await _gone.CancelAsync();
        if (_container is not null)
        {
            await _container.DisposeAsync();
        }

        await _ending;
        await _living;
        Http.Dispose();
        _gone.Dispose();
    }

    private async Task LiveAsync()
    {
        var wait = TimeSpan.Zero;
        try
        {
            while (true)
            {
                await RunContainerAsync();
                _gone.Token.ThrowIfCancellationRequested();
                if (TerminatingSince != 0)
                {
                    LeavingTime = TimeProvider.System.GetElapsedTime(TerminatingSince);
                    return;
                }

                Restarts++;
                await Task.Delay(wait, TimeProvider.System, _gone.Token);
                wait = wait == TimeSpan.Zero ? BackOffMin : wait * 2 < BackOffMax ? wait * 2 : BackOffMax;
            }
        }
        catch (OperationCanceledException) when (_gone.IsCancellationRequested)
        {
            // The test is over.
        }
    }

    /// <summary>One life of the container, with its probes.</summary>
    private async Task RunContainerAsync()
    {
        using var probing = CancellationTokenSource.CreateLinkedTokenSource(_gone.Token);
        _container = WatchedProcess.Start(
            Name, ContainerStart.Prepare(_image, _plan.Process), static _ => { });
        var probes = ProbeAsync(_container, probing.Token);
        try
        {
            ExitCode = await _container.ExitAsync(_gone.Token);
        }
        finally
        {
            Volatile.Write(ref _readySince, 0);
            await probing.CancelAsync();
            await probes;
        }

        _stories.Add(_container.Story + $"\n--- {Name} ended with {ExitCode}");
        await _container.DisposeAsync();
    }

    private async Task ProbeAsync(WatchedProcess container, CancellationToken cancellationToken)
    {
        var probes = new PodProbes(_plan, Http);
        try
        {
            if (!await probes.StartedAsync(cancellationToken))
            {
                await container.KillAsync();
                return;
            }

            await Task.WhenAll(
                probes.RepeatAsync(_plan.Container.ReadinessProbe, isWell: false, SeeReady, cancellationToken),
                probes.RepeatAsync(_plan.Container.LivenessProbe, isWell: true, isAlive =>
                {
                    // Of a pod that goes the kubelet asks this no more.
                    if (!isAlive && TerminatingSince == 0)
                    {
                        container.Kill();
                    }
                }, cancellationToken));
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The container ended.
        }
    }

    private void SeeReady(bool isReady)
    {
        if (isReady != IsReady)
        {
            Volatile.Write(ref _readySince, isReady ? TimeProvider.System.GetTimestamp() : 0);
        }
    }

    private async Task EndAsync()
    {
        try
        {
            var preStop = TimeSpan.FromSeconds(_plan.Container.Lifecycle?.PreStop?.Sleep?.Seconds ?? 0);
            await Task.Delay(preStop, TimeProvider.System, _gone.Token);
            if (_living.IsCompleted || _container is not { HasExited: false } container)
            {
                await _gone.CancelAsync();
                return;
            }

            await container.SignalAsync("TERM", _gone.Token);
            var left = _plan.Grace - preStop;
            if (await Task.WhenAny(_living, Task.Delay(left, TimeProvider.System, _gone.Token)) != _living)
            {
                WasKilled = true;
                await container.KillAsync();
            }
        }
        catch (OperationCanceledException) when (_gone.IsCancellationRequested)
        {
            // The test is over.
        }
    }
}
