using System.Text.RegularExpressions;
using Evergrain.Frontend;
using Evergrain.Frontend.Admission;
using Evergrain.Silo.Cluster;
using Evergrain.Silo.Composition;
using k8s.Models;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Evergrain.Cluster.Tests.Kubernetes.Manifests;

/// <summary>
/// Values of the manifests that must fit another value: of the manifests, of the program or of the documents.
/// </summary>
[Trait("Needs", "Kubectl")]
public sealed partial class FittingTests : IDisposable
{
    private const string Postgres = "deploy/k8s/postgres", Azure = "deploy/k8s/azure", One = "deploy/k8s/one";
    private const string Monitor = "deploy/k8s/monitor";

    // docs/kubernetes.md gives the reasons of the sum and of its parts.
    private const double MemoryOfWarmByte = 2;
    private const double HeapShare = 0.75;
    private const long AtRestBytes = 256L << 20;

    // Kubernetes' own bounds of an autoscaler.
    private const int PeriodSecondsMax = 1800, StabilizationSecondsMax = 3600;

    private readonly CancellationTokenSource _patience = new(TimeSpan.FromMinutes(2));

    private CancellationToken Token => _patience.Token;

    public void Dispose() => _patience.Dispose();

    [Theory]
    [InlineData(Postgres, "Evergrain__Cluster__ModelCallTime")]
    [InlineData(One, "Evergrain__ModelCallTime")]
    public async Task Grace_IsLongerThanTheStop_AndTheDrainLongerThanAnyTurn(string folder, string longestCall)
    {
        var manifests = await RenderedManifests.ReadAsync(folder, Token);
        var (drain, delay) = (manifests.Time("Evergrain__DrainTimeout"), manifests.Time("Evergrain__DrainDelay"));
        var longestTurn = manifests.Time(longestCall) + new AdmissionOptions().QueueTimeout;

        // A turn may begin at the end of the delay.
        Assert.InRange(delay, TimeSpan.FromSeconds(2), drain - longestTurn);
        Assert.InRange(StopTime(drain), drain, manifests.Grace);
    }

    [Fact]
    public async Task Rollout_AddsBeforeItTakes_AndIsPatientWithAPodThatStarts()
    {
        var deployment = (await RenderedManifests.ReadAsync(Postgres, Token)).Deployment.Spec;
        var startup = deployment.Template.Spec.Containers.Single().StartupProbe;

        Assert.Equal("RollingUpdate", deployment.Strategy.Type);
        Assert.Equal("0", $"{deployment.Strategy.RollingUpdate.MaxUnavailable}");
        Assert.NotEqual("0", $"{deployment.Strategy.RollingUpdate.MaxSurge}");
        Assert.InRange((startup.PeriodSeconds * startup.FailureThreshold + deployment.MinReadySeconds)!.Value, 1,
            deployment.ProgressDeadlineSeconds!.Value);
        Assert.Null(deployment.Replicas);
    }

    [Fact]
    public async Task One_EndsBeforeTheNextBegins_AndNothingWaitsForASecond()
    {
        var manifests = await RenderedManifests.ReadAsync(One, Token);

        Assert.Equal("Recreate", manifests.Deployment.Spec.Strategy.Type);
        Assert.Null(manifests.Deployment.Spec.Strategy.RollingUpdate);
        Assert.Equal(1, manifests.Deployment.Spec.Replicas);
        Assert.Empty(manifests.Of<V1PodDisruptionBudget>());
        Assert.Equal(manifests.Only<V1PersistentVolumeClaim>().Metadata.Name,
            manifests.Pod.Volumes.Single(static volume => volume.PersistentVolumeClaim is not null)
                .PersistentVolumeClaim.ClaimName);
        Assert.Equal(manifests.Variable("Evergrain__Data"),
            manifests.Container.VolumeMounts.Single(static mount => mount.Name == "journal").MountPath);
    }

    [Fact]
    public async Task Autoscaler_ScalesTheDeployment_AndTakesOnePodPerGrace()
    {
        var manifests = await RenderedManifests.ReadAsync(Postgres, Token);
        var autoscaler = manifests.Only<V2HorizontalPodAutoscaler>().Spec;
        var budget = manifests.Only<V1PodDisruptionBudget>().Spec;

        Assert.Equal((manifests.Deployment.ApiVersion, manifests.Deployment.Kind, manifests.Deployment.Metadata.Name),
            (autoscaler.ScaleTargetRef.ApiVersion, autoscaler.ScaleTargetRef.Kind, autoscaler.ScaleTargetRef.Name));
        Assert.Equal("cpu", Assert.Single(autoscaler.Metrics).Resource.Name);
        Assert.InRange(
            autoscaler.MinReplicas!.Value, int.Parse($"{budget.MaxUnavailable}") + 1, autoscaler.MaxReplicas);
        var down = autoscaler.Behavior.ScaleDown;
        var policy = Assert.Single(down.Policies);
        Assert.Equal(("Pods", 1), (policy.Type, policy.Value));
        Assert.InRange(policy.PeriodSeconds, (int)manifests.Grace.TotalSeconds, PeriodSecondsMax);
        Assert.InRange(down.StabilizationWindowSeconds!.Value, 300, StabilizationSecondsMax);
    }

    [Theory]
    [InlineData(Postgres)]
    [InlineData(One)]
    public async Task Selectors_Everywhere_SelectThePods(string folder)
    {
        var manifests = await RenderedManifests.ReadAsync(folder, Token);
        var labels = manifests.Template.Metadata.Labels;

        Assert.Equal(manifests.Deployment.Spec.Selector.MatchLabels, labels);
        Assert.Equal(labels, manifests.Only<V1Service>().Spec.Selector);
        Assert.All(manifests.Of<V1PodDisruptionBudget>(),
            budget => Assert.Equal(labels, budget.Spec.Selector.MatchLabels));
        Assert.All(manifests.Pod.TopologySpreadConstraints ?? [],
            spread => Assert.Equal(labels, spread.LabelSelector.MatchLabels));
        var monitor = (await RenderedManifests.ReadAsync(Monitor, Token)).Only<PodMonitor>().Spec;
        Assert.True(ManifestTests.Selects(monitor.Selector, labels));
    }

    [Theory]
    [InlineData(Postgres)]
    [InlineData(One)]
    public async Task Ports_ThatAreNamed_AreThoseOfTheProgram(string folder)
    {
        var manifests = await RenderedManifests.ReadAsync(folder, Token);
        var container = manifests.Container;

        Assert.Equal($"{manifests.Port("http")}", manifests.Variable("Evergrain__Port"));
        Assert.Equal("http", $"{Assert.Single(manifests.Only<V1Service>().Spec.Ports).TargetPort}");
        Assert.All([container.StartupProbe, container.LivenessProbe, container.ReadinessProbe], static probe =>
        {
            // Not where clients connect: they could take every place.
            Assert.Equal("operations", $"{probe.HttpGet.Port}");
            Assert.StartsWith("/health/", probe.HttpGet.Path, StringComparison.Ordinal);
            Assert.Null(probe.HttpGet.HttpHeaders);
        });
        // Metrics are at a port of their own, which no Service and no Ingress leads to.
        var monitor = (await RenderedManifests.ReadAsync(Monitor, Token)).Only<PodMonitor>().Spec;
        var scraped = Assert.Single(monitor.PodMetricsEndpoints).Port;
        Assert.Equal($"{manifests.Port(scraped)}", manifests.Variable("Evergrain__OperationsPort"));
        Assert.NotEqual("http", scraped);
        var ingress = manifests.Of<V1NetworkPolicy>().SelectMany(static policy => policy.Spec.Ingress ?? [])
            .Single(rule => rule.Ports.Any(port => $"{port.Port}" == scraped));
        Assert.NotNull(Assert.Single(ingress.FromProperty).NamespaceSelector);
        if (folder == Postgres)
        {
            Assert.Equal($"{manifests.Port("silo")}", manifests.Variable("Evergrain__Cluster__SiloPort"));
            Assert.Equal($"{manifests.Port("gateway")}", manifests.Variable("Evergrain__Cluster__GatewayPort"));
        }
    }

    [Theory]
    [InlineData(Postgres, "Evergrain__Cluster__WarmBytesMax")]
    [InlineData(One, "Evergrain__WarmBytesMax")]
    public async Task Memory_HoldsWarmConversationsAndRequests(string folder, string warmBytes)
    {
        var manifests = await RenderedManifests.ReadAsync(folder, Token);
        var needed = (manifests.Number(warmBytes) * MemoryOfWarmByte) + AtRestBytes +
            manifests.Number("Evergrain__Admission__ReceivedBytesMax");

        Assert.InRange(needed, 1, (double)manifests.Container.Resources.Limits["memory"].ToDecimal() * HeapShare);
    }

    [Theory]
    [InlineData(Postgres, "both")]
    [InlineData(Azure, "both")]
    [InlineData(One, "alone")]
    public async Task Settings_ThatAreGiven_AreSettingsOfTheProgram(string folder, string role)
    {
        var manifests = await RenderedManifests.ReadAsync(folder, Token);
        var given = manifests.Container.Env.Where(static variable => variable.Name.StartsWith(
                "Evergrain__", StringComparison.Ordinal))
            .ToDictionary(static variable => variable.Name.Replace("__", ":", StringComparison.Ordinal),
                static string? (variable) => variable.Value);
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(given).Build();

        Assert.Empty(SettingNames.FindUnknown(configuration));
        Assert.Equal(role, manifests.Option("--role"));
    }

    [Theory]
    [InlineData(Postgres)]
    [InlineData(One)]
    public async Task Files_ThatAreNamed_AreInVolumes(string folder)
    {
        var manifests = await RenderedManifests.ReadAsync(folder, Token);
        var volumes = manifests.Pod.Volumes.ToDictionary(static volume => volume.Name);
        var mounts = manifests.Container.VolumeMounts.ToDictionary(static mount => mount.MountPath);

        Assert.Equal(volumes.Keys.Order(), mounts.Values.Select(static mount => mount.Name).Order());
        var (settings, map) = (manifests.Option("--config"), manifests.Only<V1ConfigMap>());
        Assert.Equal(map.Metadata.Name, volumes[mounts[Path.GetDirectoryName(settings)!].Name].ConfigMap.Name);
        Assert.Contains(Path.GetFileName(settings), map.Data.Keys);
        var keys = manifests.Variable("Evergrain__ApiKeysFile")!;
        Assert.NotNull(volumes[mounts[Path.GetDirectoryName(keys)!].Name].Secret);
        Assert.NotNull(volumes[mounts["/tmp"].Name].EmptyDir);
    }

    [Fact]
    public async Task Secrets_ThatAreReferred_AreMadeAsTheDocumentsSay()
    {
        var documents = await File.ReadAllTextAsync(Repository.Place("docs/kubernetes.md"), Token);
        var made = SecretPattern().Matches(documents).ToDictionary(
            static match => match.Groups["name"].Value, static match => match.Groups["key"].Value);
        var manifests = await RenderedManifests.ReadAsync(Azure, Token);
        var variables = manifests.Container.Env.Select(static variable => variable.ValueFrom?.SecretKeyRef)
            .OfType<V1SecretKeySelector>();

        Assert.All(variables, reference => Assert.Equal(reference.Key, made[reference.Name]));
        Assert.Equal(Path.GetFileName(manifests.Variable("Evergrain__ApiKeysFile")),
            made[manifests.Pod.Volumes.Single(static volume => volume.Secret is not null).Secret.SecretName]);
        Assert.All(manifests.Container.EnvFrom, source => Assert.True(source.SecretRef.Optional));
        Assert.All(manifests.Container.EnvFrom, source => Assert.Contains(source.SecretRef.Name, made.Keys));
    }

    /// <summary>What a process with that drain may take to stop, by its own settings; alone it takes less.</summary>
    private static TimeSpan StopTime(TimeSpan drain)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(
            new Dictionary<string, string?> { ["Evergrain:DrainTimeout"] = $"{drain}" }).Build();
        using var services = new ServiceCollection().AddEvergrainProbes(configuration).BuildServiceProvider();
        return services.GetRequiredService<IOptions<HostOptions>>().Value.ShutdownTimeout +
            ClusterHosting.StopTime + StopBound.Slack;
    }

    [GeneratedRegex(@"kubectl create secret generic (?<name>\S+) --from-(literal|file)=(?<key>[^=\s]+)",
        RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex SecretPattern();
}
