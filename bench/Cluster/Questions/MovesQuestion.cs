using System.Globalization;
using Evergrain.Cluster.Processes;
using Evergrain.Load.Client;
using Evergrain.Load.Report;

namespace Evergrain.Cluster.Questions;

/// <summary>
/// How long does a conversation take to move to another silo when its own is told to stop, by the size of its context,
/// and what does its first turn there take? Two silos hold conversations of one size; one of them gets SIGTERM.
/// </summary>
/// <remarks>
/// Once with the default bound on what moves at a time, once with the smallest, where conversations of 1 MB and more go
/// one after the other. The silo that stays is the same for all sizes, so that it has compiled what it needs; the one
/// that goes is new each time.
/// </remarks>
internal static class MovesQuestion
{
    private const double WarmShareMin = 0.95;
    private const long OneAtATime = 1L << 20;
    private const long Default = 16L << 20;

    // About a hundred KB, a MB, ten MB of items of 2,000 bytes.
    private static readonly Wave[] Waves = [
        new("warm-up", 500, 30, IsMeasured: false),
        new("100 KB", 50, 200, IsMeasured: true),
        new("1 MB", 500, 80, IsMeasured: true),
        new("10 MB", 5_000, 16, IsMeasured: true)];

    public static async Task<Verdicts> AskAsync(ClusterOptions options, CancellationToken cancellationToken)
    {
        Console.WriteLine("## moves: what it takes to move a conversation to another silo");
        Console.WriteLine();
        await using var database = await Database.StartAsync(options, cancellationToken);
        var drains = new Table("context, in flight at most", "conversations", "arrived warm",
            "still warm then", "ms each", "SIGTERM to last moved ms", "SIGTERM to exit ms");
        var turns = new Table("context, in flight at most", "first turns", "p50 ms", "p99 ms", "max ms",
            "warm turn before p50 ms", "p99 ms", "items from the journal, each");
        var verdicts = new Verdicts();
        foreach (var bytes in (long[])[Default, OneAtATime])
        {
            await using var deployment = await Deployment.MovingAsync(options, database.Url, bytes, cancellationToken);
            foreach (var wave in Waves)
            {
                var run = new MoveRun(deployment, wave.Items, options.Count(wave.Conversations));
                await run.RunAsync(cancellationToken);
                if (wave.IsMeasured)
                {
                    var name = string.Create(CultureInfo.InvariantCulture, $"{wave.Name}, {bytes >> 20} MiB");
                    run.AddTo(drains, turns, name);
                    verdicts.Must(string.Create(CultureInfo.InvariantCulture,
                        $"{name}: {run.Warm} of {run.Moved} were warm when the silo had gone, target at least " +
                        $"{WarmShareMin:0%}"), run.Warm >= WarmShareMin * run.Moved);
                }
            }
        }

        drains.Print();
        turns.Print();
        Console.WriteLine($"Load at the end: {Machine.Load()}.");
        Console.WriteLine();
        return verdicts;
    }

    /// <summary>Conversations of one size.</summary>
    private sealed record Wave(string Name, int Items, int Conversations, bool IsMeasured);
}
