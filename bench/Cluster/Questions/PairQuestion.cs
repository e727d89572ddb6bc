using System.Diagnostics;
using Evergrain.Cluster.Processes;
using Evergrain.Load.Client;
using Evergrain.Load.Report;

namespace Evergrain.Cluster.Questions;

/// <summary>
/// Does a stored turn of 2 KB through a cluster cost more than in another build? Both builds run side by side, and are
/// asked in turn: a silo that is its own frontend, and a frontend whose silo is another process.
/// </summary>
internal static class PairQuestion
{
    private const int Pairs = 24;
    private const int WarmUpPairs = 40;
    private const int SectionTurns = 60;
    private const double WallMax = 1.3;

    public static async Task<Verdicts> AskAsync(ClusterOptions options, CancellationToken cancellationToken)
    {
        Console.WriteLine($"## pair: turns through a cluster of this build beside {options.Server}");
        Console.WriteLine();
        var other = options with { Silo = options.Server };

        // An earlier build refuses the tables of a later one, and a schema belongs to one cluster.
        await using var first = await Database.StartAsync(options, cancellationToken);
        await using var second = await Database.StartAsync(options, cancellationToken);
        await using var third = await Database.StartAsync(options, cancellationToken);
        await using var fourth = await Database.StartAsync(options, cancellationToken);
        await using var both = await Deployment.BothAsync(options, first.Url, null, cancellationToken);
        await using var otherBoth = await Deployment.BothAsync(other, second.Url, null, cancellationToken);
        await using var apart = await Deployment.ApartAsync(options, third.Url, 1, null, cancellationToken);
        await using var otherApart = await Deployment.ApartAsync(other, fourth.Url, 1, null, cancellationToken);
        Row[] rows = [new(new Side(both), new Side(otherBoth)), new(new Side(apart), new Side(otherApart))];
        for (var pair = -WarmUpPairs; pair < options.Count(Pairs); pair++)
        {
            foreach (var row in rows)
            {
                await row.RunAsync(pair, cancellationToken);
            }
        }

        var verdicts = new Verdicts();
        foreach (var row in rows)
        {
            row.Print(verdicts);
        }

        Console.WriteLine($"Load at the end: {Machine.Load()}.");
        Console.WriteLine();
        return verdicts;
    }

    /// <summary>One shape of cluster, in two builds.</summary>
    private sealed class Row(Side own, Side other)
    {
        private readonly Ratios _wall = new();
        private readonly Ratios _processor = new();
        private readonly Ratios _allocated = new();

        public async Task RunAsync(int pair, CancellationToken cancellationToken)
        {
            // Who goes first changes, so that neither always follows the other's garbage.
            var (first, second) = pair % 2 == 0 ? (own, other) : (other, own);
            await first.RunAsync(cancellationToken);
            await second.RunAsync(cancellationToken);
            if (pair >= 0)
            {
                _wall.Add(own.WallMs, other.WallMs);
                _processor.Add(own.ProcessorMs, other.ProcessorMs);
                _allocated.Add(own.AllocatedKb, other.AllocatedKb);
            }
        }

        public void Print(Verdicts verdicts)
        {
            Console.WriteLine(_wall.Line($"{own.Name}: a turn, p50 of a section", " ms"));
            Console.WriteLine(_processor.Line($"{own.Name}: its CPU, all processes", " ms"));
            Console.WriteLine(_allocated.Line($"{own.Name}: its allocation", " KB"));
            verdicts.AtMost($"{own.Name}: a turn's ratio, the interval's lower end", _wall.Interval().Low, WallMax, "");
        }
    }

    /// <summary>One conversation of 100 items in one cluster, forked at its end, so that it keeps its size.</summary>
    private sealed class Side
    {
        private const int Items = 100;
        private readonly Deployment _deployment;
        private readonly Conversation _conversation;
        private readonly string _parent;

        public Side(Deployment deployment)
        {
            _deployment = deployment;
            _conversation = new Conversation(WireSocket.Open(deployment.Port));
            _parent = _conversation.Grow(Items - 1, withTools: false);
        }

        public string Name => _deployment.Name;

        public double WallMs { get; private set; }

        public double ProcessorMs { get; private set; }

        public double AllocatedKb { get; private set; }

        public async Task RunAsync(CancellationToken cancellationToken)
        {
            var before = await _deployment.SumsAsync(cancellationToken);
            var wall = new Samples();
            for (var i = 0; i < SectionTurns; i++)
            {
                var create = Create.Turn(_parent, [Create.Message(i)], withTools: false);
                var begun = Stopwatch.GetTimestamp();
                _conversation.Run(create);
                wall.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
            }

            var spent = await _deployment.SumsAsync(cancellationToken) - before;
            (WallMs, ProcessorMs, AllocatedKb) = (wall.Median, spent.Processor.TotalMilliseconds / SectionTurns,
                spent.Allocated / 1e3 / SectionTurns);
        }
    }
}
