using Evergrain.Cluster.Tests.Kubernetes.Pods;
using k8s;
using k8s.Models;

namespace Evergrain.Cluster.Tests.Kubernetes.Manifests;

/// <summary>What users apply renders, holds no member that Kubernetes does not know, and asks for little.</summary>
[Trait("Needs", "Kubectl")]
public sealed class ManifestTests : IDisposable
{
    private const string Postgres = "deploy/k8s/postgres", Azure = "deploy/k8s/azure", One = "deploy/k8s/one";
    private const string Monitor = "deploy/k8s/monitor";

    private const string NameServer = "53";

    private readonly CancellationTokenSource _patience = new(TimeSpan.FromMinutes(2));

    private CancellationToken Token => _patience.Token;

    public void Dispose() => _patience.Dispose();

    [Theory]
    [InlineData(Postgres, "ConfigMap Deployment HorizontalPodAutoscaler NetworkPolicy NetworkPolicy " +
        "PodDisruptionBudget Service")]
    [InlineData(Azure, "ConfigMap Deployment HorizontalPodAutoscaler NetworkPolicy NetworkPolicy " +
        "PodDisruptionBudget Service")]
    [InlineData(One, "ConfigMap Deployment NetworkPolicy PersistentVolumeClaim Service")]
    [InlineData(Monitor, "PodMonitor")]
    public async Task Folder_WithEachKubectl_RendersTheSame(string folder, string kinds)
    {
        var rendered = new List<RenderedManifests>();
        foreach (var program in Kubectl.Programs)
        {
            rendered.Add(RenderedManifests.Parse(await Kubectl.RenderAsync(folder, Token, program)));
        }

        Assert.All(rendered, manifests => Assert.Equal(kinds, string.Join(' ', manifests.All.Select(KindOf).Order())));
        var all = rendered.ConvertAll(Text);
        Assert.All(all, text => Assert.Equal(all[0], text));
    }

    [Theory]
    [InlineData("minReadySeconds: 30", "minReadySecond: 30")]
    [InlineData("periodSeconds: 2", "periodSecond: 2")]
    [InlineData("kind: Service\n", "kind: Servce\n")]
    public async Task Mistake_InAManifest_IsFound(string text, string mistake)
    {
        var yaml = await Kubectl.RenderAsync(Postgres, Token);
        Assert.Contains(text, yaml, StringComparison.Ordinal);

        Assert.ThrowsAny<Exception>(
            () => RenderedManifests.Parse(yaml.Replace(text, mistake, StringComparison.Ordinal)));
    }

    // What the level "restricted" of Kubernetes' Pod Security Standards asks for, and a root that cannot be written.
    [Theory]
    [InlineData(Postgres)]
    [InlineData(Azure)]
    [InlineData(One)]
    public async Task Pod_AsRendered_HasNoRightThatItDoesNotNeed(string folder)
    {
        var manifests = await RenderedManifests.ReadAsync(folder, Token);
        var (pod, container) = (manifests.Pod, manifests.Container);

        Assert.False(pod.AutomountServiceAccountToken);
        Assert.Null(pod.ServiceAccountName);
        Assert.Null(pod.HostNetwork ?? pod.HostPID ?? pod.HostIPC);
        Assert.True(pod.SecurityContext.RunAsNonRoot);
        Assert.NotEqual(0, pod.SecurityContext.RunAsUser);
        Assert.Equal("RuntimeDefault", pod.SecurityContext.SeccompProfile.Type);
        Assert.False(container.SecurityContext.AllowPrivilegeEscalation);
        Assert.True(container.SecurityContext.ReadOnlyRootFilesystem);
        Assert.Equal(["ALL"], container.SecurityContext.Capabilities.Drop);
        Assert.Null(container.SecurityContext.Capabilities.Add);
        Assert.All(container.Ports, port => Assert.Null(port.HostPort));
        Assert.All(pod.Volumes, volume => Assert.True(volume is not
            { ConfigMap: null, Secret: null, EmptyDir: null, PersistentVolumeClaim: null }, volume.Name));
    }

    [Theory]
    [InlineData(Postgres)]
    [InlineData(Azure)]
    [InlineData(One)]
    public async Task Pod_AsRendered_AsksForCpuWithoutALimit_AndForAllTheMemoryItMayHave(string folder)
    {
        var resources = (await RenderedManifests.ReadAsync(folder, Token)).Container.Resources;

        Assert.True(resources.Requests.ContainsKey("cpu"));
        Assert.False(resources.Limits.ContainsKey("cpu"));
        Assert.Equal(resources.Requests["memory"].ToDecimal(), resources.Limits["memory"].ToDecimal());
    }

    // Kubernetes ties a policy to pods by its selector. Another policy adds to it, and takes nothing away.
    [Theory]
    [InlineData(Postgres, "443 5432")]
    [InlineData(Azure, "443")]
    public async Task Policies_AsRendered_LetInRequestsAndTheClusterItself(string folder, string ways)
    {
        var manifests = await RenderedManifests.ReadAsync(folder, Token);
        var labels = manifests.Template.Metadata.Labels;
        var policies = manifests.Of<V1NetworkPolicy>().ToList();

        Assert.All(policies, policy => Assert.Equal(["Ingress", "Egress"], policy.Spec.PolicyTypes));
        Assert.All(policies, policy => Assert.True(Selects(policy.Spec.PodSelector, labels)));
        var rules = policies.SelectMany(static policy => policy.Spec.Ingress).ToList();
        var open = rules.Where(static rule => rule.FromProperty is null)
            .SelectMany(static rule => rule.Ports).Select(static port => $"{port.Port}");
        var closed = Assert.Single(rules, static rule => rule.FromProperty is [{ PodSelector: not null }]);
        var scraped = Assert.Single(rules, static rule => rule.FromProperty is [{ NamespaceSelector: not null }]);
        Assert.Equal(["operations"], scraped.Ports.Select(static port => $"{port.Port}"));
        Assert.Equal(3, rules.Count);
        Assert.Equal(["http"], open);
        Assert.True(Selects(Assert.Single(closed.FromProperty).PodSelector, labels));
        Assert.Equal([$"{manifests.Port("silo")}", $"{manifests.Port("gateway")}"],
            closed.Ports.Select(static port => $"{port.Port}"));
        Assert.Equal(ways.Split(' '), policies.SelectMany(static policy => policy.Spec.Egress)
            .Where(static rule => rule.To is null).SelectMany(static rule => rule.Ports)
            .Select(static port => $"{port.Port}").Where(static port => port != NameServer));
    }

    // The page indents it by three, within a list.
    [Fact]
    public async Task Site_OfTheDocuments_RendersWithItsImageAndItsSettings()
    {
        const string first = "   # evergrain-site/kustomization.yaml";
        var lines = await File.ReadAllLinesAsync(Repository.Place("docs/kubernetes.md"), Token);
        var site = lines.SkipWhile(static line => line != first).TakeWhile(static line => line.Trim() != "```")
            .Select(static line => line[3..]);
        var folder = Directory.CreateTempSubdirectory("evergrain-site-").FullName;
        await File.WriteAllTextAsync(Path.Combine(folder, "kustomization.yaml"), string.Join('\n', site).Replace(
            "../evergrain", Path.GetRelativePath(folder, Repository.Root), StringComparison.Ordinal), Token);
        await File.WriteAllTextAsync(Path.Combine(folder, "evergrain.json"), "settings of a site", Token);

        var manifests = await RenderedManifests.ReadAsync(folder, Token);

        Directory.Delete(folder, recursive: true);
        Assert.Equal("REGISTRY/evergrain:1", manifests.Container.Image);
        var map = manifests.Only<V1ConfigMap>();
        Assert.Equal("settings of a site", Assert.Single(map.Data).Value);
        Assert.Contains(manifests.Pod.Volumes, volume => volume.ConfigMap?.Name == map.Metadata.Name);
    }

    // What runs in the tests is what users apply, but for the address on which it listens and for shorter waits.
    [Fact]
    public async Task Overlays_OfTheTests_ChangeNothingElse()
    {
        var users = await RenderedManifests.ReadAsync(Postgres, Token);
        var full = await RenderedManifests.ReadAsync(PodCluster.Full, Token);
        var brief = await RenderedManifests.ReadAsync(PodCluster.Short, Token);
        AssertAddressAlone(users, full);
        AssertAddressAlone(await RenderedManifests.ReadAsync(One, Token),
            await RenderedManifests.ReadAsync(PodCluster.One, Token));
        Assert.NotEqual(Text(users), Text(brief));
        (brief.Deployment.Spec.MinReadySeconds, brief.Deployment.Spec.ProgressDeadlineSeconds) =
            (users.Deployment.Spec.MinReadySeconds, users.Deployment.Spec.ProgressDeadlineSeconds);
        AssertAddressAlone(users, brief);
        var (azure, tested) = (await RenderedManifests.ReadAsync(Azure, Token),
            await RenderedManifests.ReadAsync(PodCluster.Azure, Token));
        (tested.Deployment.Spec.MinReadySeconds, tested.Deployment.Spec.ProgressDeadlineSeconds) =
            (azure.Deployment.Spec.MinReadySeconds, azure.Deployment.Spec.ProgressDeadlineSeconds);
        AssertAddressAlone(azure, tested);
    }

    /// <summary>Whether a selector selects what has these labels.</summary>
    internal static bool Selects(V1LabelSelector selector, IDictionary<string, string> labels) =>
        selector.MatchLabels.Count > 0 && selector.MatchExpressions is null &&
        selector.MatchLabels.All(wanted => labels.TryGetValue(wanted.Key, out var value) && value == wanted.Value);

    private static void AssertAddressAlone(RenderedManifests users, RenderedManifests tested)
    {
        var address = tested.Container.Env.Single(static variable => variable.Name == "Evergrain__Address");
        Assert.Equal("status.podIP", address.ValueFrom.FieldRef.FieldPath);
        (address.Value, address.ValueFrom) = (users.Variable("Evergrain__Address"), null);
        tested.Container.Env = [.. tested.Container.Env.OrderBy(static variable => variable.Name)];
        users.Container.Env = [.. users.Container.Env.OrderBy(static variable => variable.Name)];
        Assert.Equal(Text(users), Text(tested));
    }

    private static string KindOf(object manifest) => ((IKubernetesObject)manifest).Kind;

    // A ConfigMap's name ends in a hash, which older versions of kustomize compute otherwise.
    private static string Text(RenderedManifests manifests)
    {
        var text = string.Join('\n', manifests.All.Select(static one => KubernetesJson.Serialize(one)).Order());
        var map = manifests.Of<V1ConfigMap>().SingleOrDefault()?.Metadata.Name;
        return map is null ? text : text.Replace(map, "evergrain-hash", StringComparison.Ordinal);
    }
}
