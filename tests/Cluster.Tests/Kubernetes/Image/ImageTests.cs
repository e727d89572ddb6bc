using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Evergrain.Cluster.Tests.Faults;
using Evergrain.Suites.Hosts;

namespace Evergrain.Cluster.Tests.Kubernetes.Image;

/// <summary>
/// The image's entrypoint on the image's files, as its user, with a root that cannot be written. The image itself, with
/// its base, is not built here.
/// </summary>
public sealed class ImageTests(ImageFixture fixture) : IClassFixture<ImageFixture>, IDisposable
{
    private readonly PublishedImage _image = fixture.Image;
    private readonly string _root = Directory.CreateTempSubdirectory("evergrain-root-").FullName;
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromMinutes(5));

    private CancellationToken Token => _patience.Token;

    public void Dispose()
    {
        Directory.Delete(_root);
        _patience.Dispose();
    }

    [Fact]
    public void Sources_ThatTheBuildTakes_AreThereAndNotIgnored()
    {
        var ignore = File.ReadAllLines(Repository.Place("deploy/docker/Dockerfile.dockerignore"));

        Assert.Equal("*", ignore[0]);
        Assert.All(_image.File.Sources, source =>
        {
            var place = Repository.Place(source);
            Assert.True(File.Exists(place) || Directory.Exists(place), source);
            Assert.Contains("!" + source, ignore);
        });
    }

    [Fact]
    public void Published_Files_AreTheProgramAndNoOther()
    {
        var names = Directory.EnumerateFiles(_image.Folder).Select(Path.GetFileName).ToList();

        Assert.Contains("evergrain.dll", names);
        Assert.Contains("evergrain.runtimeconfig.json", names);
        Assert.DoesNotContain(names, static name => name!.Contains("Tests", StringComparison.Ordinal));
        Assert.Contains(_image.File.Entrypoint[^1], names.Select(name => $"{_image.File.Files.To}/{name}"));
    }

    // The build of the image, without its base: restore, compile and publish, with the sources that it takes.
    [LongFact]
    public async Task Build_OfTheSourcesAlone_MakesTheSameFiles()
    {
        var sources = Directory.CreateTempSubdirectory("evergrain-sources-").FullName;
        var made = Path.Combine(sources, "made");
        foreach (var source in _image.File.Sources)
        {
            await Command.RunAsync(["cp", "-r", source, sources], Token);
        }

        await Command.RunAsync(["find", Path.Combine(sources, "src"), "-type", "d", "(", "-name", "bin", "-o", "-name",
            "obj", ")", "-prune", "-exec", "rm", "-r", "{}", "+"], Token);
        await Command.RunAsync(_image.Publish(made), Token, sources);

        Assert.Equal(NamesOf(_image.Folder), NamesOf(made));
        Directory.Delete(sources, recursive: true);
    }

    [ContainerFact]
    public async Task Entrypoint_WithAReadOnlyRoot_ServesATurnAndKeepsIt()
    {
        var data = Directory.CreateTempSubdirectory("evergrain-volume-").FullName;
        await Command.RunAsync(["chown", $"{_image.File.User}", data], Token);
        var response = await RunAsync(data, async http =>
        {
            using var answer = await http.PostAsJsonAsync(new Uri("/v1/responses", UriKind.Relative),
                new { model = "demo", input = "hello" }, Token);
            return JsonNode.Parse(await answer.Content.ReadAsStringAsync(Token))!;
        });
        Assert.Equal("completed", response["status"]!.GetValue<string>());

        var again = await RunAsync(data, http => http.GetStringAsync(
            new Uri($"/v1/responses/{response["id"]!.GetValue<string>()}", UriKind.Relative), Token));
        Assert.Equal("completed", JsonNode.Parse(again)!["status"]!.GetValue<string>());
        Directory.Delete(data, recursive: true);
    }

    private static IEnumerable<string> NamesOf(string folder) => Directory
        .EnumerateFiles(folder, "*", SearchOption.AllDirectories)
        .Select(file => Path.GetRelativePath(folder, file)).Order(StringComparer.Ordinal);

    /// <summary>Starts it with a volume and nothing else to write to, asks it, and stops it.</summary>
    private async Task<T> RunAsync<T>(string data, Func<HttpClient, Task<T>> ask)
    {
        var port = FreePorts.Next().ToString(CultureInfo.InvariantCulture);
        var user = _image.File.User;
        var start = ContainerStart.Prepare(_image, new ContainerPlan(["--port", port, "--data", "/data"],
            new Dictionary<string, string>(), [new ContainerMount(data, "/data", IsWritable: true)],
            new ContainerUser(user, user, user), _root));
        await using var process = await ClusterProcess.StartAsync("image", start, Token);
        Assert.Equal([_image.File.User], await UsersAsync(process.Id));
        var answer = await ask(process.Http);
        await process.SignalAsync("TERM", Token);
        Assert.Equal(0, await process.ExitAsync(Token));
        return answer;
    }

    private static async Task<IReadOnlyList<int>> UsersAsync(int process)
    {
        var line = (await File.ReadAllLinesAsync($"/proc/{process}/status"))
            .Single(static line => line.StartsWith("Uid:", StringComparison.Ordinal));
        return [.. line.Split('\t').Skip(1).Select(int.Parse).Distinct()];
    }
}
