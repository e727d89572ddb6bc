using System.Diagnostics;
using Evergrain.Load.Client;
using Evergrain.Load.Report;
using Evergrain.Load.Server;

namespace Evergrain.Load.Questions;

/// <summary>
/// Does a turn in front of a chat-completions server cost more than in another build, and does it stay flat? Both
/// builds serve side by side, before one model server, and are asked in turn.
/// </summary>
internal static class ChatPairQuestion
{
    private const int Pairs = 24;
    private const int WarmUpPairs = 40;
    private const int SectionTurns = 60;
    private const double ProcessorMax = 1.03;
    private static readonly int[] Sizes = [10, 1_000];

    public static async Task<Verdicts> AskAsync(LoadOptions options, CancellationToken cancellationToken)
    {
        if (options.Other is not { } build)
        {
            Console.WriteLine("## pair-chat: not asked, since --other names no build");
            Console.WriteLine();
            return new Verdicts();
        }

        Console.WriteLine($"## pair-chat: turns through 'chat' of this build beside {build}");
        Console.WriteLine();
        var other = options with { Server = build };
        using var upstream = new DiscardingUpstream(deltas: 10);
        upstream.Start();
        string[] settings = ["--model-url", upstream.Url, "--model-api", "chat"];
        await using var ownServer = await options.StartServerAsync(settings, cancellationToken);
        await using var otherServer = await other.StartServerAsync(settings, cancellationToken);
        var rows = Sizes.Select(size => (
            Size: size, Own: new Side(ownServer, size), Before: new Side(otherServer, size),
            Wall: new Ratios(), Processor: new Ratios(), Allocated: new Ratios())).ToArray();
        for (var pair = -WarmUpPairs; pair < options.Count(Pairs); pair++)
        {
            foreach (var row in rows)
            {
                // Who goes first changes, so that neither always follows the other's garbage.
                var (first, second) = pair % 2 == 0 ? (row.Own, row.Before) : (row.Before, row.Own);
                await first.RunAsync(cancellationToken);
                await second.RunAsync(cancellationToken);
                if (pair >= 0)
                {
                    row.Wall.Add(row.Own.WallMs, row.Before.WallMs);
                    row.Processor.Add(row.Own.ProcessorMs, row.Before.ProcessorMs);
                    row.Allocated.Add(row.Own.Allocated, row.Before.Allocated);
                }
            }
        }

        var verdicts = new Verdicts();
        foreach (var row in rows)
        {
            Console.WriteLine(row.Wall.Line($"{row.Size:#,0} items: a turn, p50 of a section", " ms"));
            Console.WriteLine(row.Processor.Line($"{row.Size:#,0} items: its CPU", " ms"));
            Console.WriteLine(row.Allocated.Line($"{row.Size:#,0} items: its allocation", " KB"));
            verdicts.AtMost($"CPU ratio at {row.Size:#,0} items, the interval's lower end",
                row.Processor.Interval().Low, ProcessorMax, "");
        }

        Console.WriteLine($"Load at the end: {Machine.Load()}.");
        Console.WriteLine();
        return verdicts;
    }

    /// <summary>One conversation on one of the two servers, forked at its end, so that it keeps its size.</summary>
    private sealed class Side
    {
        private readonly ServerProcess _server;
        private readonly Conversation _conversation;
        private readonly string _parent;

        public Side(ServerProcess server, int size)
        {
            _server = server;
            _conversation = new Conversation(WireSocket.Open(server.Port));
            _parent = _conversation.Grow(size - 1, withTools: false);
        }

        public double WallMs { get; private set; }

        public double ProcessorMs { get; private set; }

        public double Allocated { get; private set; }

        public async Task RunAsync(CancellationToken cancellationToken)
        {
            var before = await _server.Probe.SumsAsync(cancellationToken);
            var wall = new Samples();
            for (var i = 0; i < SectionTurns; i++)
            {
                var create = Create.Turn(_parent, [Create.Message(i)], withTools: false);
                var begun = Stopwatch.GetTimestamp();
                _conversation.Run(create);
                wall.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
            }

            var spent = await _server.Probe.SumsAsync(cancellationToken) - before;
            (WallMs, ProcessorMs, Allocated) = (wall.Median, spent.Processor.TotalMilliseconds / SectionTurns,
                spent.Allocated / 1e3 / SectionTurns);
        }
    }
}
