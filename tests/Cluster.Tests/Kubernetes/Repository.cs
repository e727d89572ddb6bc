using System.Reflection;

namespace Evergrain.Cluster.Tests.Kubernetes;

/// <summary>The files of this repository that tests read.</summary>
internal static class Repository
{
    /// <summary>Its root.</summary>
    public static string Root { get; } = Path.GetFullPath(typeof(Repository).Assembly
        .GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(static value => value.Key == nameof(Repository)).Value!);

    /// <summary>A file or folder of it.</summary>
    public static string Place(string path) => Path.Combine(Root, path);
}
