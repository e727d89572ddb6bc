using Evergrain.Cluster.Processes;
using Evergrain.Load.Report;

namespace Evergrain.Cluster.Questions;

/// <summary>
/// What does TLS between frontend and silo add to a turn? One client at a time, in front of two pairs of processes: one
/// with TLS and one without.
/// </summary>
internal static class TlsQuestion
{
    private const int SectionTurns = 20;
    private const int Sections = 40;
    private const int WarmUpSections = 40;
    private const double RatioMax = 1.3;

    public static async Task<Verdicts> AskAsync(ClusterOptions options, CancellationToken cancellationToken)
    {
        Console.WriteLine("## tls: what TLS between frontend and silo adds to a turn of 2 KB, with 18 KB of tools");
        Console.WriteLine();
        await using var database = await Database.StartAsync(options, cancellationToken);
        await using var plainDatabase = await Database.StartAsync(options, cancellationToken);
        await using var plain = await Deployment.WithoutTlsAsync(options, plainDatabase.Url, cancellationToken);
        await using var secured = await Deployment.ApartAsync(options, database.Url, 1, null, cancellationToken);
        using var before = new SingleLoop(plain);
        using var after = new SingleLoop(secured);
        for (var section = -options.Count(WarmUpSections); section < options.Count(Sections); section++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            before.Run(SectionTurns, isMeasured: section >= 0);
            after.Run(SectionTurns, isMeasured: section >= 0);
        }

        var table = new Table("one client, through", "turns", "p50 ms", "p99 ms", "CPU ms/turn");
        foreach (var loop in new[] { before, after })
        {
            table.Row(loop.Name, loop.Wall.Count, loop.Wall.Median, loop.Wall.P99, loop.ProcessorMs);
        }

        table.Print();
        Console.WriteLine($"Load at the end: {Machine.Load()}.");
        Console.WriteLine();
        var verdicts = new Verdicts();
        verdicts.AtMost("a turn's p50 with TLS ÷ without", after.Wall.Median / before.Wall.Median, RatioMax, "");
        verdicts.AtMost("a turn's CPU with TLS ÷ without", after.ProcessorMs / before.ProcessorMs, RatioMax, "");
        return verdicts;
    }
}
