using System.Globalization;
using k8s;
using k8s.Models;

namespace Evergrain.Cluster.Tests.Kubernetes.Manifests;

/// <summary>What kubectl rendered, read strictly: a member that a kind does not have is refused.</summary>
internal sealed class RenderedManifests
{
    private const string MonitorKind = "monitoring.coreos.com/v1/PodMonitor";

    private static readonly Dictionary<string, Type> OtherKinds = new(StringComparer.Ordinal)
    {
        [MonitorKind] = typeof(PodMonitor),
    };

    private RenderedManifests(IReadOnlyList<object> all) => All = all;

    /// <summary>Every object, in the order of the text.</summary>
    public IReadOnlyList<object> All { get; }

    public V1Deployment Deployment => Only<V1Deployment>();

    public V1PodTemplateSpec Template => Deployment.Spec.Template;

    public V1PodSpec Pod => Template.Spec;

    public V1Container Container => Assert.Single(Pod.Containers);

    /// <summary>The grace of its pods.</summary>
    public TimeSpan Grace => TimeSpan.FromSeconds(Pod.TerminationGracePeriodSeconds!.Value);

    /// <summary>Reads them; throws where a kind or a member is unknown.</summary>
    public static RenderedManifests Parse(string yaml) =>
        new(KubernetesYaml.LoadAllFromString(yaml, OtherKinds, strict: true));

    /// <summary>Renders a folder of this repository, and reads it.</summary>
    public static async Task<RenderedManifests> ReadAsync(string folder, CancellationToken cancellationToken) =>
        Parse(await Kubectl.RenderAsync(folder, cancellationToken));

    public IEnumerable<T> Of<T>() => All.OfType<T>();

    public T Only<T>() => Assert.Single(Of<T>());

    /// <summary>The value of a variable of the container; null if the manifest takes it from elsewhere.</summary>
    public string? Variable(string name) => Assert.Single(Container.Env, variable => variable.Name == name).Value;

    /// <summary>A setting that is a time.</summary>
    public TimeSpan Time(string name) => TimeSpan.Parse(Variable(name)!, CultureInfo.InvariantCulture);

    /// <summary>A setting that is a number.</summary>
    public long Number(string name) => long.Parse(Variable(name)!, CultureInfo.InvariantCulture);

    /// <summary>The number of a port of the container.</summary>
    public int Port(string name) => Assert.Single(Container.Ports, port => port.Name == name).ContainerPort;

    /// <summary>The argument behind an option.</summary>
    public string Option(string name) => Container.Args[Container.Args.IndexOf(name) + 1];
}
