using Evergrain.Cluster.Processes;
using Evergrain.Load.Report;

namespace Evergrain.Cluster.Questions;

/// <summary>
/// What does a turn take through a cluster, alone and beside others? First one client at a time, in front of an
/// embedded server, a silo that is its own frontend, and a frontend with its silo apart; then clients that never pause,
/// in front of one, two and three silos.
/// </summary>
/// <remarks>
/// All of it shares this machine's cores with its clients and with PostgreSQL: more silos cannot be faster here. What
/// can be seen is what they cost.
/// </remarks>
internal static class TurnsQuestion
{
    private const int Clients = 32;
    private const int SectionTurns = 20;
    private const int Sections = 20;
    private const int WarmUpSections = 60;
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Measured = TimeSpan.FromSeconds(20);
    private static readonly int[] SiloCounts = [1, 2, 3];

    public static async Task<Verdicts> AskAsync(ClusterOptions options, CancellationToken cancellationToken)
    {
        Console.WriteLine("## turns: what a turn takes, alone and beside others");
        Console.WriteLine();
        await using var database = await Database.StartAsync(options, cancellationToken);
        await AskAloneAsync(options, cancellationToken);
        await AskTogetherAsync(options, database.Url, cancellationToken);
        return new Verdicts();
    }

    private static async Task AskAloneAsync(ClusterOptions options, CancellationToken cancellationToken)
    {
        await using var first = await Database.StartAsync(options, cancellationToken);
        await using var second = await Database.StartAsync(options, cancellationToken);
        await using var third = await Database.StartAsync(options, cancellationToken);
        await using var embedded = await Deployment.EmbeddedAsync(options, first.Url, null, cancellationToken);
        await using var both = await Deployment.BothAsync(options, second.Url, null, cancellationToken);
        await using var apart = await Deployment.ApartAsync(options, third.Url, 1, null, cancellationToken);
        SingleLoop[] loops = [new(embedded), new(both), new(apart)];
        for (var section = -options.Count(WarmUpSections); section < options.Count(Sections); section++)
        {
            foreach (var loop in loops)
            {
                cancellationToken.ThrowIfCancellationRequested();
                loop.Run(SectionTurns, isMeasured: section >= 0);
            }
        }

        var table = new Table("one client, through", "turns", "p50 ms", "p99 ms", "p50 over embedded",
            "p99 over embedded", "CPU ms/turn");
        foreach (var loop in loops)
        {
            table.Row(loop.Name, loop.Wall.Count, loop.Wall.Median, loop.Wall.P99,
                loop.Wall.Median - loops[0].Wall.Median, loop.Wall.P99 - loops[0].Wall.P99, loop.ProcessorMs);
            loop.Dispose();
        }

        table.Print();
    }

    private static async Task AskTogetherAsync(ClusterOptions options, string url, CancellationToken cancellationToken)
    {
        var table = new Table($"{Clients} clients that never pause, through", "turns/s", "p50 ms", "p99 ms",
            "frontend CPU ms/turn", "silos", "clients", "PostgreSQL and all else", "cores busy");
        var embedded = await Deployment.EmbeddedAsync(options, url, null, cancellationToken);
        await MeasureAsync(options, embedded, table, cancellationToken);
        foreach (var silos in SiloCounts)
        {
            var apart = await Deployment.ApartAsync(options, url, silos, null, cancellationToken);
            await MeasureAsync(options, apart, table, cancellationToken);
        }

        table.Print();
        Console.WriteLine("Frontend, silos, clients and PostgreSQL share this machine's " +
            $"{Environment.ProcessorCount} cores. Load at the end: {Machine.Load()}.");
        Console.WriteLine();
    }

    private static async Task MeasureAsync(ClusterOptions options, Deployment deployment, Table table,
        CancellationToken cancellationToken)
    {
        await using var running = deployment;
        var share = options.IsQuick ? 0.2 : 1;
        var loop = new ClosedLoop(deployment, Clients);
        await loop.RunAsync(WarmUp * share, Measured * share, cancellationToken);
        loop.AddTo(table);
    }
}
