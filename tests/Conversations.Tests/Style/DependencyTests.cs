using System.Xml.Linq;

namespace Evergrain.Conversations.Tests.Style;

/// <summary>
/// Dependencies point one way: Conversations ← Providers ← Frontend, Conversations ← Grains,
/// {Frontend, Grains, Providers} ← Silo; and only the cluster's projects know Orleans.
/// </summary>
public sealed class DependencyTests
{
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["Conversations"] = [],
        ["Client"] = [],
        ["Providers"] = ["Conversations"],
        ["Frontend"] = ["Conversations", "Providers"],
        ["Grains"] = ["Conversations"],
        ["Silo"] = ["Conversations", "Providers", "Frontend", "Grains"],
    };

    // A logger to write to, and the attributes by which src/Grains makes serializers.
    private static readonly string[] Abstractions =
        ["Microsoft.Extensions.Logging.Abstractions", "Microsoft.Orleans.Serialization.Abstractions"];

    private static readonly string[] ClusterProjects = ["Grains", "Silo", "Cluster.Tests"];

    [Fact]
    public void ProjectReferences_InSource_PointOneWay()
    {
        foreach (var (project, file) in Projects("src"))
        {
            Assert.True(Allowed.ContainsKey(project), $"src/{project} is not in the design: say what it may know");
            var references = Includes(file, "ProjectReference").Select(Path.GetFileNameWithoutExtension);
            Assert.Empty(references.Except(Allowed[project]));
        }
    }

    [Fact]
    public void Conversations_Project_KnowsNothingOutside()
    {
        var file = Projects("src").Single(project => project.Name == "Conversations").File;
        Assert.Empty(Includes(file, "PackageReference").Except(Abstractions));
        Assert.Empty(Includes(file, "FrameworkReference"));
    }

    [Fact]
    public void Orleans_Packages_AreKnownToTheClusterAlone()
    {
        foreach (var (project, file) in Projects("src").Concat(Projects("tests")).Concat(Projects("bench")))
        {
            Assert.True(ClusterProjects.Contains(project) || !Includes(file, "PackageReference").Any(name =>
                name.StartsWith("Microsoft.Orleans", StringComparison.Ordinal) && !Abstractions.Contains(name)),
                $"{project} references Orleans");
        }
    }

    private static IEnumerable<(string Name, string File)> Projects(string folder)
    {
        var root = Path.Combine(SourceTree.Root, folder);
        return !Directory.Exists(root) ? [] : Directory.EnumerateFiles(root, "*.csproj", SearchOption.AllDirectories)
            .Select(file => (Path.GetFileNameWithoutExtension(file), file));
    }

    private static IEnumerable<string> Includes(string file, string element) => XDocument.Load(file)
        .Descendants(element).Select(reference => reference.Attribute("Include")!.Value.Replace('\\', '/'));
}
