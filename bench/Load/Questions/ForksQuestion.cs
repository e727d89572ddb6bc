using System.Diagnostics;
using Evergrain.Load.Client;
using Evergrain.Load.Report;
using Evergrain.Load.Server;

namespace Evergrain.Load.Questions;

/// <summary>Does a fork cost the same wherever it leaves a conversation of 10,000 items?</summary>
internal static class ForksQuestion
{
    private const int SectionForks = 20;
    private const int Sections = 15;
    private const int WarmUpSections = 40;
    private const int Items = 10_000;
    private static readonly int[] Places = [10, 5_000, 9_990];

    public static async Task<Verdicts> AskAsync(LoadOptions options, CancellationToken cancellationToken)
    {
        Console.WriteLine("## forks: what a fork costs by where it leaves 10,000 items");
        Console.WriteLine();
        await using var server = await options.StartServerAsync(cancellationToken);
        using var wire = WireSocket.Open(server.Port);
        var conversation = new Conversation(wire);
        var parents = Places.Select(place => conversation.Grow(place - conversation.Items)).ToArray();
        conversation.Grow(Items - conversation.Items);
        var costs = Places.Select(_ => new TurnCosts()).ToArray();
        for (var section = -WarmUpSections; section < options.Count(Sections); section++)
        {
            for (var place = 0; place < Places.Length; place++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var into = section >= 0 ? costs[place] : new TurnCosts();
                var before = await server.Probe.SumsAsync(cancellationToken);
                RunSection(conversation, parents[place], into);
                into.Add(SectionForks, await server.Probe.SumsAsync(cancellationToken) - before);
            }
        }

        Print(costs);
        return Judge(costs);
    }

    private static void RunSection(Conversation conversation, string parent, TurnCosts costs)
    {
        for (var i = 0; i < SectionForks; i++)
        {
            var create = Create.Turn(parent, [Create.Message(i)]);
            var begun = Stopwatch.GetTimestamp();
            conversation.Run(create);
            costs.Add(Stopwatch.GetElapsedTime(begun), Create.ItemBytes + conversation.OutputBytes);
        }
    }

    private static void Print(TurnCosts[] costs)
    {
        var table = new Table("fork at item", "forks", "wall p50 ms", "p99 ms", "CPU ms/fork", "allocated KB/fork",
            "journaled B/fork");
        for (var i = 0; i < costs.Length; i++)
        {
            table.Row($"{Places[i]:#,0}", costs[i].Turns, costs[i].Wall.Median, costs[i].Wall.P99, costs[i].ProcessorMs,
                costs[i].Allocated / 1e3, costs[i].Journaled);
        }

        table.Print();
    }

    private static Verdicts Judge(TurnCosts[] costs)
    {
        var verdicts = new Verdicts();
        AtMost("wall p50", cost => cost.Wall.Median);
        AtMost("CPU", cost => cost.ProcessorMs);
        AtMost("allocation", cost => cost.Allocated);
        return verdicts;

        void AtMost(string what, Func<TurnCosts, double> of) =>
            verdicts.AtMost($"{what} of the dearest fork ÷ the cheapest", costs.Max(of) / costs.Min(of), 1.2, "");
    }
}
