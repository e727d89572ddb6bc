namespace Evergrain.Load.Server;

/// <summary>A server's memory once its garbage is gone.</summary>
internal static class Settled
{
    // The first collections promote what finalizers and pools still hold; freed pages go back over some seconds.
    private const int CollectionsMax = 12;
    private const int CollectionsWithoutGain = 3;
    private const double Gain = 0.01;
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <summary>The least resident bytes after full collections, asked for until they bring nothing more.</summary>
    public static async Task<long> ResidentBytesAsync(ServerProcess server, CancellationToken cancellationToken)
    {
        var (least, inVain) = (long.MaxValue, 0);
        for (var i = 0; i < CollectionsMax && inVain < CollectionsWithoutGain; i++)
        {
            await FullCollection.RunAsync(server.Id, cancellationToken);
            await Task.Delay(Pause, TimeProvider.System, cancellationToken);
            var resident = server.Probe.ResidentBytes();
            inVain = resident < least * (1 - Gain) ? 0 : inVain + 1;
            least = Math.Min(least, resident);
        }

        return least;
    }
}
