namespace Evergrain.Load.Server;

/// <summary>A server's memory once its garbage is gone.</summary>
internal static class Settled
{
    // The first collection promotes what finalizers and the pools still hold; freed pages go back a while later.
    private const int Collections = 4;
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <summary>The least resident bytes after some full collections.</summary>
    public static async Task<long> ResidentBytesAsync(ServerProcess server, CancellationToken cancellationToken)
    {
        var least = long.MaxValue;
        for (var i = 0; i < Collections; i++)
        {
            await FullCollection.RunAsync(server.Id, cancellationToken);
            await Task.Delay(Pause, TimeProvider.System, cancellationToken);
            least = Math.Min(least, server.Probe.ResidentBytes());
        }

        return least;
    }
}
