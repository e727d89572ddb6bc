using System.Diagnostics;
using Evergrain.Cluster.Processes;
using Evergrain.Load.Client;
using Evergrain.Load.Report;

namespace Evergrain.Cluster.Questions;

/// <summary>
/// Does a silo of 1,000 conversations of 1 MB take longer to leave than in another build? In each build one of two
/// silos is told to stop, comes back and gets its share, and so on; the builds take turns.
/// </summary>
internal static class PairDrainQuestion
{
    private const int Pairs = 20;
    private const int Conversations = 2_000;
    private const int Items = 500;
    private const double RatioMax = 1.0;
    private const double SharedMin = 0.4;
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(200);

    public static async Task<Verdicts> AskAsync(ClusterOptions options, CancellationToken cancellationToken)
    {
        Console.WriteLine($"## pair-drain: a silo leaves, in this build and in {options.Server}");
        Console.WriteLine();
        await using var database = await Database.StartAsync(options, cancellationToken);
        await using var otherDatabase = await Database.StartAsync(options, cancellationToken);
        await using var own = await Side.StartAsync(options, database.Url, cancellationToken);
        await using var other = await Side.StartAsync(
            options with { Silo = options.Server }, otherDatabase.Url, cancellationToken);
        var (whole, each) = (new Ratios(), new Ratios());
        for (var pair = -1; pair < options.Count(Pairs); pair++)
        {
            var (first, second) = pair % 2 == 0 ? (own, other) : (other, own);
            await first.DrainAsync(cancellationToken);
            await second.DrainAsync(cancellationToken);
            if (pair >= 0)
            {
                whole.Add(own.Seconds, other.Seconds);
                each.Add(own.MsEach, other.MsEach);
            }
        }

        Console.WriteLine(whole.Line("SIGTERM to exit", " s"));
        Console.WriteLine(each.Line("for each conversation that moved", " ms"));
        Console.WriteLine($"Load at the end: {Machine.Load()}.");
        Console.WriteLine();
        var verdicts = new Verdicts();
        verdicts.AtMost("ratio for each conversation, the interval's lower end", each.Interval().Low, RatioMax, "");
        verdicts.Must($"none was read from its journal: {own.Cold} of this build, {other.Cold} of the other",
            own.Cold + other.Cold == 0);
        return verdicts;
    }

    /// <summary>A frontend and two silos of one build.</summary>
    private sealed class Side(Deployment deployment) : IAsyncDisposable
    {
        private const string Warm = "evergrain_conversations_warm";
        private const string Recovered = "evergrain_items_recovered";

        public double Seconds { get; private set; }

        public double MsEach { get; private set; }

        /// <summary>Items that were read from the journal, though their conversation was warm.</summary>
        public double Cold { get; private set; }

        public static async Task<Side> StartAsync(ClusterOptions options, string url,
            CancellationToken cancellationToken)
        {
            var deployment = await Deployment.ApartAsync(options, url, 2, null, cancellationToken);
            var count = options.Count(Conversations);
            using var wire = WireSocket.Open(deployment.Port);
            for (var i = 0; i < count; i++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                new Conversation(wire).Grow(Items, withTools: false);
            }

            return new Side(deployment);
        }

        public async Task DrainAsync(CancellationToken cancellationToken)
        {
            var silo = deployment.Silos[^1];
            var held = await silo.Probe.MetricAsync(Warm, cancellationToken);
            var begun = Stopwatch.GetTimestamp();
            await deployment.StopSiloAsync(silo);
            Seconds = Stopwatch.GetElapsedTime(begun).TotalSeconds;
            MsEach = Seconds * 1e3 / held;
            Cold += await deployment.SilosMetricAsync(Recovered, cancellationToken);
            var next = await deployment.AddSiloAsync(cancellationToken);
            while (await next.Probe.MetricAsync(Warm, cancellationToken) <
                await deployment.SilosMetricAsync(Warm, cancellationToken) * SharedMin)
            {
                await Task.Delay(Look, TimeProvider.System, cancellationToken);
            }
        }

        public ValueTask DisposeAsync() => deployment.DisposeAsync();
    }
}
