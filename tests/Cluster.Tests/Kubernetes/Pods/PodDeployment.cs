using System.Globalization;
using Evergrain.Cluster.Tests.Kubernetes.Image;
using Evergrain.Cluster.Tests.Kubernetes.Manifests;
using k8s;
using k8s.Models;

namespace Evergrain.Cluster.Tests.Kubernetes.Pods;

/// <summary>
/// The Deployment's controller and the endpoints of its Service, as Kubernetes documents them: it makes and removes
/// pods by steps until as many as wanted are there, all of the newest template.
/// </summary>
internal sealed class PodDeployment : IAsyncDisposable
{
    private static readonly TimeSpan StepTime = TimeSpan.FromMilliseconds(100);

    // A node learns of a change of endpoints some time after the kubelet was told to end the pod.
    private static readonly TimeSpan EndpointLag = TimeSpan.FromSeconds(1);

    private static int _deployments;

    private readonly PublishedImage _image;
    private readonly PodSecrets _secrets;
    private readonly ServiceProxy _service;
    private readonly string _folder = Directory.CreateTempSubdirectory("evergrain-pods-").FullName;
    private readonly CancellationTokenSource _over = new();
    private readonly List<PodProcess> _pods = [];
    private readonly HashSet<PodProcess> _seen = [];
    private readonly Lock _lock = new();

    // Tests run side by side, and their pods listen on one port: each deployment has addresses of its own.
    private readonly string _network = string.Create(CultureInfo.InvariantCulture,
        $"127.{1 + Environment.ProcessId % 250}.{Interlocked.Increment(ref _deployments) % 250}");

    private RenderedManifests _template;
    private Task _running = Task.CompletedTask;
    private long _progressed = TimeProvider.System.GetTimestamp();
    private string _revision;
    private volatile IReadOnlyCollection<string> _endpoints = [];
    private int _made;

    private PodDeployment(PublishedImage image, PodSecrets secrets, RenderedManifests template, ServiceProxy service) =>
        (_image, _secrets, _template, _service, _revision) = (image, secrets, template, service, RevisionOf(template));

    /// <summary>Called with a pod that is about to be told to go, while it still answers.</summary>
    public Func<PodProcess, Task> BeforeLeaving { get; set; } = static _ => Task.CompletedTask;

    /// <summary>How many are wanted.</summary>
    public int Replicas { get; set; }

    /// <summary>All that were ever made, the oldest first.</summary>
    public IReadOnlyList<PodProcess> Pods
    {
        get
        {
            lock (_lock)
            {
                return [.. _pods];
            }
        }
    }

    /// <summary>Those that nobody told to go.</summary>
    public IReadOnlyList<PodProcess> Staying => [.. Pods.Where(static pod => pod.TerminatingSince == 0)];

    /// <summary>
    /// Whether as many as wanted are available and endpoints, all of the newest template, and the others are gone.
    /// </summary>
    public bool IsComplete => Staying.Count == Replicas &&
        Staying.All(pod => IsNewest(pod) && IsAvailable(pod) && _endpoints.Contains(pod.Address)) &&
        Pods.Except(Staying).All(static pod => pod.HasGone);

    /// <summary>Whether nothing came forward for longer than progressDeadlineSeconds.</summary>
    public bool IsStalled => TimeProvider.System.GetElapsedTime(Volatile.Read(ref _progressed)) >
        TimeSpan.FromSeconds(_template.Deployment.Spec.ProgressDeadlineSeconds!.Value);

    /// <summary>What every pod said, for a test that failed.</summary>
    public string Story => string.Join('\n', Pods.Select(static pod => pod.Story));

    // Null where all old pods end before a new one begins.
    private V1RollingUpdateDeployment? Rolling => _template.Deployment.Spec.Strategy.RollingUpdate;

    private int MaxSurge => Rolling is null ? 0 : int.Parse($"{Rolling.MaxSurge}", CultureInfo.InvariantCulture);

    private int MaxUnavailable => Rolling is null
        ? Replicas
        : int.Parse($"{Rolling.MaxUnavailable}", CultureInfo.InvariantCulture);

    /// <summary>Begins; the pods come one after the other.</summary>
    public static PodDeployment Start(PublishedImage image, PodSecrets secrets, RenderedManifests template,
        ServiceProxy service)
    {
        var deployment = new PodDeployment(image, secrets, template, service);
        deployment._running = deployment.RunAsync();
        return deployment;
    }

    /// <summary>Another template, as applied or restarted; an earlier one undoes a rollout.</summary>
    public void Apply(RenderedManifests template)
    {
        (_template, _revision) = (template, RevisionOf(template));
        Progress();
    }

    /// <summary>As <c>kubectl rollout restart</c>: the same template, with an annotation.</summary>
    public void Restart(int number)
    {
        _template.Template.Metadata.Annotations ??= new Dictionary<string, string>();
        _template.Template.Metadata.Annotations["kubectl.kubernetes.io/restartedAt"] =
            number.ToString(CultureInfo.InvariantCulture);
        Apply(_template);
    }

    /// <summary>Waits until it is complete.</summary>
    public Task UntilCompleteAsync(CancellationToken cancellationToken) =>
        UntilAsync(() => IsComplete, cancellationToken);

    /// <summary>Waits for something about it.</summary>
    public async Task UntilAsync(Func<bool> condition, CancellationToken cancellationToken)
    {
        while (!condition())
        {
            if (_running.IsCompleted)
            {
                await _running;
            }

            await Task.Delay(StepTime, TimeProvider.System, cancellationToken);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        try
        {
            await _running;
        }
        catch (OperationCanceledException)
        {
            // As told.
        }

        await Task.WhenAll(Pods.Select(static pod => pod.DisposeAsync().AsTask()));
        _over.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task RunAsync()
    {
        while (true)
        {
            await StepAsync();
            var endpoints = Pods.Where(IsEndpoint).Select(static pod => pod.Address).ToList();
            await _service.SetEndpointsAsync(endpoints, _over.Token);
            _endpoints = endpoints;
            await Task.Delay(StepTime, TimeProvider.System, _over.Token);
        }
    }

    private async Task StepAsync()
    {
        var (newest, older) = (Staying.Where(IsNewest).ToList(), Staying.Where(pod => !IsNewest(pod)).ToList());
        var there = Rolling is null ? Pods.Count(static pod => !pod.HasGone) : Staying.Count;
        for (var room = Replicas + MaxSurge - there; room > 0 && newest.Count < Replicas; room--)
        {
            newest.Add(await MakeAsync());
        }

        // Scaled in: those that are not ready go first, then those that came last.
        foreach (var pod in newest.OrderBy(static pod => pod.IsReady).ThenByDescending(pod => newest.IndexOf(pod))
            .Take(newest.Count - Replicas))
        {
            await RemoveAsync(pod);
        }

        // An old one that is not available may go as soon as the others are enough; then one for each new one.
        foreach (var pod in older.OrderBy(IsAvailable))
        {
            var others = Staying.Count(other => other != pod && IsAvailable(other));
            if (others >= Replicas - MaxUnavailable)
            {
                await RemoveAsync(pod);
            }
        }

        if (Staying.Where(IsAvailable).Any(_seen.Add))
        {
            Progress();
        }
    }

    private async Task<PodProcess> MakeAsync()
    {
        var number = ++_made;
        var plan = await PodPlan.PrepareAsync(_template, _secrets,
            string.Create(CultureInfo.InvariantCulture, $"evergrain-{number}"),
            string.Create(CultureInfo.InvariantCulture, $"{_network}.{number}"),
            Path.Combine(_folder, number.ToString(CultureInfo.InvariantCulture)));
        var pod = PodProcess.Start(_image, plan, _revision);
        lock (_lock)
        {
            _pods.Add(pod);
        }

        Progress();
        return pod;
    }

    private async Task RemoveAsync(PodProcess pod)
    {
        await BeforeLeaving(pod);
        pod.Terminate();
        Progress();
    }

    // A ConfigMap's name changes with what it holds.
    private static string RevisionOf(RenderedManifests template) => KubernetesJson.Serialize(template.Template);

    private bool IsNewest(PodProcess pod) => pod.Revision == _revision;

    private bool IsAvailable(PodProcess pod) =>
        pod.IsAvailable(TimeSpan.FromSeconds(_template.Deployment.Spec.MinReadySeconds ?? 0));

    private static bool IsEndpoint(PodProcess pod) => pod.IsReady && (pod.TerminatingSince == 0 ||
        TimeProvider.System.GetElapsedTime(pod.TerminatingSince) < EndpointLag);

    private void Progress() => Volatile.Write(ref _progressed, TimeProvider.System.GetTimestamp());
}
