namespace Evergrain.Cluster.Tests.Kubernetes.Image;

/// <summary>
/// The files that the image would hold, made from this build by the image's own command, and what it runs on them.
/// </summary>
internal sealed class PublishedImage : IDisposable
{
    // What the base image sets beside: https://github.com/dotnet/dotnet-docker.
    private static readonly Dictionary<string, string> OfBase = new(StringComparer.Ordinal)
    {
        ["APP_UID"] = "1654",
        ["ASPNETCORE_HTTP_PORTS"] = "8080",
        ["DOTNET_RUNNING_IN_CONTAINER"] = "true",
    };

    private PublishedImage(Dockerfile file, string folder) => (File, Folder) = (file, folder);

    public Dockerfile File { get; }

    /// <summary>Where its files are on this machine.</summary>
    public string Folder { get; }

    /// <summary>What every process of the image finds set.</summary>
    public Dictionary<string, string> Environment => OfBase.Concat(File.Environment)
        .ToDictionary(static pair => pair.Key, static pair => pair.Value, StringComparer.Ordinal);

    /// <summary>Publishes what was built, into a folder of its own.</summary>
    public static async Task<PublishedImage> PublishAsync(CancellationToken cancellationToken)
    {
        var file = Dockerfile.Read();
        var folder = Directory.CreateTempSubdirectory("evergrain-image-").FullName;
        var image = new PublishedImage(file, folder);
        try
        {
            await Command.RunAsync([.. image.Publish(folder), "--no-build"], cancellationToken);
            await Command.RunAsync(["chmod", "755", folder], cancellationToken);
            return image;
        }
        catch
        {
            image.Dispose();
            throw;
        }
    }

    /// <summary>The image's own command, which leaves the files in another folder.</summary>
    public string[] Publish(string folder) => [.. File.Publish.Select(word => word == File.Files.From ? folder : word)];

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}

/// <summary>The image's files, for the tests of one class or collection.</summary>
public sealed class ImageFixture : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    internal PublishedImage Image { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        using var patience = new CancellationTokenSource(Patience);
        Image = await PublishedImage.PublishAsync(patience.Token);
    }

    public Task DisposeAsync()
    {
        Image.Dispose();
        return Task.CompletedTask;
    }
}
