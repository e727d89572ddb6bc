using Evergrain.Load.Report;
using Evergrain.Load.Server;

namespace Evergrain.Journals.Stores;

/// <summary>The journals that a question is asked of, one after the other, each opened empty.</summary>
internal static class StoreSet
{
    /// <summary>Asks each of the journals that the command line names.</summary>
    public static async Task AskEachAsync(JournalsOptions options, Func<Store, Task> ask,
        CancellationToken cancellationToken)
    {
        var before = DiskSync.Measure(options.Data);
        foreach (var name in options.Journals)
        {
            var opened = name switch
            {
                "memory" => new MemoryStore(),
                "sqlite" => await SqliteStore.OpenAsync(options.Data, cancellationToken),
                _ => (Store?)await PostgresStore.OpenAsync(options, cancellationToken),
            };
            if (opened is { } store)
            {
                await using (store)
                {
                    await ask(store);
                }
            }
        }

        var after = DiskSync.Measure(options.Data);
        Console.WriteLine($"write and fsync of 8 KB: p50 {before.Median:0} µs before, {after.Median:0} µs after; p99 " +
            $"{before.P99:0} and {after.P99:0} µs. Load at the end: {Machine.Load()}.");
        Console.WriteLine();
    }
}
