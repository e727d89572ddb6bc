namespace Evergrain.Cluster.Tests.Kubernetes.Manifests;

/// <summary>A kubectl of this machine, which renders what users apply.</summary>
internal static class Kubectl
{
    /// <summary>Names more of them, separated by colons: each must render the same.</summary>
    private const string OthersVariable = "EVERGRAIN_KUBECTL";

    private static readonly string[] Others = (Environment.GetEnvironmentVariable(OthersVariable) ?? "")
        .Split(':', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>The one on the path, then the others.</summary>
    public static IReadOnlyList<string> Programs { get; } = ["kubectl", .. Others];

    /// <summary>Renders a folder of this repository.</summary>
    public static Task<string> RenderAsync(string folder, CancellationToken cancellationToken,
        string program = "kubectl") =>
        Command.RunAsync([program, "kustomize", Repository.Place(folder)], cancellationToken);
}
