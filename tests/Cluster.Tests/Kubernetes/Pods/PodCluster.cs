using Evergrain.Cluster.Tests.Faults;
using Evergrain.Cluster.Tests.Kubernetes.Image;
using Evergrain.Cluster.Tests.Kubernetes.Manifests;
using k8s.Models;

namespace Evergrain.Cluster.Tests.Kubernetes.Pods;

/// <summary>
/// What an overlay runs, as processes of this machine: its Deployment, its Service, and the Secrets as the page has
/// them made. Whatever happens, every process ends with it.
/// </summary>
internal sealed class PodCluster : IAsyncDisposable
{
    public const string Key = "sk-crowd";

    /// <summary>Of a run that takes its time, and of a short one.</summary>
    public const string Full = "tests/Cluster.Tests/Kubernetes/Pods/overlays/full",
        Short = "tests/Cluster.Tests/Kubernetes/Pods/overlays/short";

    /// <summary>Of a short run over Azure Storage.</summary>
    public const string Azure = "tests/Cluster.Tests/Kubernetes/Pods/overlays/azure";

    /// <summary>Of one pod over SQLite.</summary>
    public const string One = "tests/Cluster.Tests/Kubernetes/Pods/overlays/one";

    private PodCluster(RenderedManifests manifests, ServiceProxy service, PodDeployment deployment)
    {
        (Manifests, Service, Deployment) = (manifests, service, deployment);
        Http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{service.Port}") };
        Http.DefaultRequestHeaders.Add("Authorization", $"Bearer {Key}");
    }

    public RenderedManifests Manifests { get; }

    public ServiceProxy Service { get; }

    public PodDeployment Deployment { get; }

    /// <summary>Asks through the Service.</summary>
    public HttpClient Http { get; }

    /// <summary>Where clients connect.</summary>
    public Uri Socket => new($"ws://127.0.0.1:{Service.Port}/v1/responses");

    /// <summary>How many pods there are at first: as the Deployment says, else as the autoscaler does.</summary>
    public int Replicas => Manifests.Deployment.Spec.Replicas ??
        Manifests.Only<V2HorizontalPodAutoscaler>().Spec.MinReplicas!.Value;

    /// <summary>Starts one, and waits until its pods are available. It recognises all histories.</summary>
    /// <param name="image">What the pods run.</param>
    /// <param name="journal">The URL of PostgreSQL, or Azure's account; a pod over SQLite does not ask for it.</param>
    /// <param name="overlay">What is rendered.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<PodCluster> StartAsync(PublishedImage image, string journal, string overlay,
        CancellationToken cancellationToken)
    {
        var manifests = await RenderedManifests.ReadAsync(overlay, cancellationToken);
        manifests.Container.Env.Add(new V1EnvVar { Name = "Evergrain__Recognition", Value = "all" });
        var secrets = new PodSecrets
        {
            ["evergrain-keys"] = new() { ["keys.txt"] = $"{Key}=crowd\n" },
            ["evergrain-journal"] = new() { ["url"] = journal },
        };
        var service = await ServiceProxy.StartAsync(manifests.Port("http"), cancellationToken);
        var deployment = PodDeployment.Start(image, secrets, manifests, service);
        var cluster = new PodCluster(manifests, service, deployment);
        deployment.Replicas = cluster.Replicas;
        try
        {
            await deployment.UntilCompleteAsync(cancellationToken);
            return cluster;
        }
        catch (Exception e)
        {
            await cluster.DisposeAsync();
            throw new InvalidOperationException($"The pods do not start.\n{deployment.Story}", e);
        }
    }

    /// <summary>What the instruments of all pods that stay say, added up.</summary>
    public async Task<PodCounts> CountAsync(CancellationToken cancellationToken)
    {
        var all = await Task.WhenAll(Deployment.Staying.Where(static pod => pod.IsReady)
            .Select(pod => PodCounts.ReadAsync(pod, cancellationToken)));
        return all.Aggregate(PodCounts.Zero, static (sum, counts) => sum + counts);
    }

    public async ValueTask DisposeAsync()
    {
        await Deployment.DisposeAsync();
        await Service.DisposeAsync();
        Http.Dispose();
    }
}

/// <summary>What pods say of their conversations.</summary>
/// <param name="Held">Those that are warm now.</param>
/// <param name="Warm">Those that ever arrived warm.</param>
/// <param name="Cold">Those that ever were read from the journal, or began.</param>
internal sealed record PodCounts(double Held, double Warm, double Cold)
{
    public static PodCounts Zero { get; } = new(0, 0, 0);

    public static PodCounts operator +(PodCounts one, PodCounts other) =>
        new(one.Held + other.Held, one.Warm + other.Warm, one.Cold + other.Cold);

    public static async Task<PodCounts> ReadAsync(PodProcess pod, CancellationToken cancellationToken)
    {
        var metrics = await pod.ReadMetricsAsync(cancellationToken);
        var warm = metrics["evergrain.conversations.rehydrated"];

        // One that arrives warm is an activation too.
        return new PodCounts(
            metrics["evergrain.conversations.warm"], warm, metrics["evergrain.conversations.activated"] - warm);
    }
}

/// <summary>The image's files, and one cluster that tests use in turn: its pods take seconds to start.</summary>
public sealed class PodFixture : IAsyncLifetime
{
    private static readonly TimeSpan PublishTime = TimeSpan.FromMinutes(5);

    private PublishedImage? _image;
    private PodCluster? _cluster;

    // Tests that are left out need no image.
    public Task InitializeAsync() => Task.CompletedTask;

    /// <summary>A cluster that is complete, from now on the caller's until it is given back.</summary>
    /// <param name="journal">Makes a journal, and gives its URL.</param>
    /// <param name="overlay">What is rendered.</param>
    /// <param name="cancellationToken">Gives up.</param>
    internal async Task<PodCluster> TakeAsync(
        Func<Task<string>> journal, string overlay, CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _cluster, null) is { } cluster)
        {
            return cluster;
        }

        if (_image is null)
        {
            using var patience = new CancellationTokenSource(PublishTime);
            _image = await PublishedImage.PublishAsync(patience.Token);
        }

        return await PodCluster.StartAsync(_image, await journal(), overlay, cancellationToken);
    }

    /// <summary>For the next test: it is complete, of its first template.</summary>
    internal void Give(PodCluster cluster)
    {
        cluster.Deployment.BeforeLeaving = static _ => Task.CompletedTask;
        _cluster = cluster;
    }

    public async Task DisposeAsync()
    {
        if (_cluster is not null)
        {
            await _cluster.DisposeAsync();
        }

        _image?.Dispose();
    }
}
