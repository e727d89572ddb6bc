using k8s;
using k8s.Models;

namespace Evergrain.Cluster.Tests.Kubernetes.Manifests;

// The Prometheus operator's kind, which the client's models do not have: the members that deploy/ uses, as its
// documentation of monitoring.coreos.com/v1 names them.
internal sealed class PodMonitor : IKubernetesObject<V1ObjectMeta>
{
    public string ApiVersion { get; set; } = "";

    public string Kind { get; set; } = "";

    public V1ObjectMeta Metadata { get; set; } = new();

    public PodMonitorSpec Spec { get; set; } = new();
}

internal sealed class PodMonitorSpec
{
    public V1LabelSelector Selector { get; set; } = new();

    public IList<ScrapedEndpoint> PodMetricsEndpoints { get; set; } = [];
}

internal sealed class ScrapedEndpoint
{
    public string Port { get; set; } = "";

    public string Path { get; set; } = "";

    public string Interval { get; set; } = "";
}
