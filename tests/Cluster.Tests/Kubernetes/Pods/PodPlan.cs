using System.Globalization;
using Evergrain.Cluster.Tests.Kubernetes.Image;
using Evergrain.Cluster.Tests.Kubernetes.Manifests;
using k8s.Models;

namespace Evergrain.Cluster.Tests.Kubernetes.Pods;

/// <summary>What a namespace holds beside the manifests: Secrets, by name and key.</summary>
internal sealed class PodSecrets : Dictionary<string, Dictionary<string, string>>;

/// <summary>A pod as its template says, ready to be started: variables, arguments, user, volumes as folders.</summary>
internal sealed class PodPlan
{
    // .NET takes so much of a container's limit for its heap, where a limit is set; here none can be.
    private const double HeapShare = 0.75;

    private readonly RenderedManifests _manifests;
    private readonly PodSecrets _secrets;
    private readonly string _folder;

    private PodPlan(RenderedManifests manifests, PodSecrets secrets, string name, string address, string folder)
    {
        (_manifests, _secrets, Name, Address, _folder) = (manifests, secrets, name, address, folder);
        Container = manifests.Container;
        Grace = manifests.Grace;
        Process = new ContainerPlan(
            [.. Container.Args],
            Variables(),
            [.. Container.VolumeMounts.Select(mount =>
                new ContainerMount(FolderOf(mount.Name), mount.MountPath, mount.ReadOnlyProperty != true))],
            new ContainerUser(Security.RunAsUser!.Value, Security.RunAsGroup!.Value, Security.FsGroup!.Value),
            Path.Combine(folder, "root"));
    }

    public string Name { get; }

    public string Address { get; }

    public V1Container Container { get; }

    public TimeSpan Grace { get; }

    /// <summary>The process of its one container.</summary>
    public ContainerPlan Process { get; }

    private V1PodSecurityContext Security => _manifests.Pod.SecurityContext;

    /// <summary>Makes its volumes, below <paramref name="folder"/>.</summary>
    public static async Task<PodPlan> PrepareAsync(RenderedManifests manifests, PodSecrets secrets, string name,
        string address, string folder)
    {
        var plan = new PodPlan(manifests, secrets, name, address, folder);
        Directory.CreateDirectory(plan.Process.Root);
        foreach (var volume in manifests.Pod.Volumes)
        {
            plan.MakeVolume(volume);

            // As fsGroup says: the group owns volumes, and reads and writes what may be written.
            var place = plan.FolderOf(volume.Name);
            await Command.RunAsync(["chown", "-R", $":{plan.Security.FsGroup}", place], default);
            await Command.RunAsync(["chmod", "-R", "u=rwX,g=rwX,o=", place], default);
        }

        return plan;
    }

    /// <summary>The number of a port that is named or given.</summary>
    public int PortOf(IntOrString port) =>
        int.TryParse($"{port}", out var number) ? number : _manifests.Port($"{port}");

    // What a claim holds stays for the next pod.
    private string FolderOf(string volume) =>
        _manifests.Pod.Volumes.Single(one => one.Name == volume).PersistentVolumeClaim is { } claim
            ? Path.Combine(_folder, "..", "claims", claim.ClaimName)
            : Path.Combine(_folder, "volumes", volume);

    private void MakeVolume(V1Volume volume)
    {
        var folder = Directory.CreateDirectory(FolderOf(volume.Name)).FullName;
        var files = volume switch
        {
            { ConfigMap: { } map } => _manifests.Of<V1ConfigMap>().Single(one => one.Metadata.Name == map.Name).Data,
            { Secret: { } secret } => _secrets[secret.SecretName],
            { EmptyDir: not null } or { PersistentVolumeClaim: not null } => new Dictionary<string, string>(),
            _ => throw new NotSupportedException($"volume {volume.Name}"),
        };
        foreach (var (file, text) in files)
        {
            File.WriteAllText(Path.Combine(folder, file), text);
        }
    }

    private Dictionary<string, string> Variables()
    {
        var variables = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["HOSTNAME"] = Name,
            ["DOTNET_GCHeapHardLimit"] = ((long)(HeapShare *
                (double)Container.Resources.Limits["memory"].ToDecimal())).ToString("X", CultureInfo.InvariantCulture),
        };
        foreach (var source in Container.EnvFrom ?? [])
        {
            Assert.True(_secrets.ContainsKey(source.SecretRef.Name) || source.SecretRef.Optional == true);
            foreach (var (name, value) in _secrets.GetValueOrDefault(source.SecretRef.Name) ?? [])
            {
                variables[name] = value;
            }
        }

        foreach (var variable in Container.Env)
        {
            variables[variable.Name] = variable.Value ?? ValueOf(variable.ValueFrom);
        }

        return variables;
    }

    private string ValueOf(V1EnvVarSource source) => source switch
    {
        { SecretKeyRef: { } secret } => _secrets[secret.Name][secret.Key],
        { FieldRef.FieldPath: "status.podIP" } => Address,
        { FieldRef.FieldPath: "metadata.name" } => Name,
        _ => throw new NotSupportedException("a variable's source"),
    };
}
