using System.Text.Json;

namespace Evergrain.Cluster.Tests.Kubernetes.Image;

/// <summary>What the image's file says: how its files are made, and what runs on them.</summary>
internal sealed class Dockerfile
{
    private readonly List<(string Word, string Text)> _build;
    private readonly List<(string Word, string Text)> _image;

    private Dockerfile(List<(string, string)> build, List<(string, string)> image) => (_build, _image) = (build, image);

    /// <summary>Files and folders that the build takes from the repository.</summary>
    public IEnumerable<string> Sources => All(_build, "COPY").SelectMany(static copy => copy.Split(' ')[..^1]);

    /// <summary>The command that makes the image's files.</summary>
    public string[] Publish => All(_build, "RUN").Single().Split(' ');

    /// <summary>Where that command leaves them, and where the image has them.</summary>
    public (string From, string To) Files
    {
        get
        {
            var copy = One("COPY").Split(' ');
            Assert.Equal(("--from=build", "./"), (copy[0], copy[2]));
            return (copy[1], WorkingFolder);
        }
    }

    public string WorkingFolder => One("WORKDIR");

    public IReadOnlyDictionary<string, string> Environment => All(_image, "ENV")
        .Select(static pair => pair.Split('=', 2)).ToDictionary(static pair => pair[0], static pair => pair[1]);

    public IEnumerable<int> Ports => One("EXPOSE").Split(' ').Select(int.Parse);

    public int User => int.Parse(One("USER"));

    public string[] Entrypoint => JsonSerializer.Deserialize<string[]>(One("ENTRYPOINT"))!;

    /// <summary>Reads deploy/docker/Dockerfile, which has two stages.</summary>
    public static Dockerfile Read()
    {
        var lines = File.ReadLines(Repository.Place("deploy/docker/Dockerfile"))
            .Where(static line => line.Length > 0 && line[0] != '#')
            .Select(static line => (line.Split(' ')[0], line[(line.IndexOf(' ') + 1)..])).ToList();
        var second = lines.FindLastIndex(static line => line.Item1 == "FROM");
        return new Dockerfile(lines[..second], lines[second..]);
    }

    private static IEnumerable<string> All(List<(string Word, string Text)> stage, string word) =>
        stage.Where(line => line.Word == word).Select(static line => line.Text);

    private string One(string word) => All(_image, word).Single();
}
