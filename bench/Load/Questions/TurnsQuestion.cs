using System.Diagnostics;
using Evergrain.Load.Client;
using Evergrain.Load.Report;
using Evergrain.Load.Server;

namespace Evergrain.Load.Questions;

/// <summary>
/// What does a turn cost, and does that depend on how long the conversation is? A tool loop over one socket: each turn
/// sends 18 KB of tools and one result of 2,000 bytes, the model makes the next call, everything is stored.
/// </summary>
/// <remarks>
/// The sizes take turns in sections, so that noise meets all alike. A conversation that has outgrown its size by a
/// fifth
/// (one of 10 items: by 8) is replaced. Beginning a section is not measured: it brings a script for its calls.
/// </remarks>
internal static class TurnsQuestion
{
    private const int SectionTurns = 20;
    private const int Sections = 15;
    private const int WarmUpSections = 40;
    private const int ShortTurns = 4;
    private static readonly int[] Sizes = [10, 100, 1_000, 10_000];

    public static async Task<Verdicts> AskAsync(LoadOptions options, CancellationToken cancellationToken)
    {
        Console.WriteLine("## turns: what a turn costs by the length of its conversation");
        Console.WriteLine();
        await using var server = await options.StartServerAsync(cancellationToken);
        var before = DiskSync.Measure(server.DataDirectory);
        var rows = Sizes.Select(size => new SizeRow(size, options, server)).ToArray();
        for (var section = -WarmUpSections; section < options.Count(Sections); section++)
        {
            foreach (var row in rows)
            {
                cancellationToken.ThrowIfCancellationRequested();
                await row.RunSectionAsync(isMeasured: section >= 0, cancellationToken);
            }
        }

        Print(rows, before, DiskSync.Measure(server.DataDirectory));
        return Judge(rows);
    }

    private static void Print(SizeRow[] rows, Samples before, Samples after)
    {
        var table = new Table("items of history", "turns", "wall p50 ms", "p99 ms", "CPU ms/turn", "allocated KB/turn",
            "journaled B/turn", "disk B/turn", "own items B/turn");
        var first = rows[0].Costs;
        foreach (var row in rows)
        {
            var costs = row.Costs;
            table.Row($"{row.Size:#,0}", costs.Turns, costs.Wall.Median, costs.Wall.P99, costs.ProcessorMs,
                costs.Allocated / 1e3, costs.Journaled, costs.Disk, costs.ItemBytes);
        }

        foreach (var row in rows)
        {
            var costs = row.Costs;
            table.Row($"{row.Size:#,0} ÷ {rows[0].Size}", double.NaN, costs.Wall.Median / first.Wall.Median,
                costs.Wall.P99 / first.Wall.P99, costs.ProcessorMs / first.ProcessorMs,
                costs.Allocated / first.Allocated, costs.Journaled / first.Journaled,
                costs.Disk / first.Disk, costs.ItemBytes / first.ItemBytes);
        }

        table.Print();
        Console.WriteLine($"write and fsync of 8 KB in the data directory: p50 {before.Median:0} µs before, " +
            $"{after.Median:0} µs after; p99 {before.P99:0} and {after.P99:0} µs. Load at the end: {Machine.Load()}.");
        Console.WriteLine();
    }

    private static Verdicts Judge(SizeRow[] rows)
    {
        var verdicts = new Verdicts();
        var (shortest, longest) = (rows[0].Costs, rows[^1].Costs);
        verdicts.AtMost("wall p50 at 10,000 items ÷ at 10", longest.Wall.Median / shortest.Wall.Median, 1.2, "");
        verdicts.AtMost("CPU at 10,000 items ÷ at 10", longest.ProcessorMs / shortest.ProcessorMs, 1.2, "");
        verdicts.AtMost("allocation at 10,000 items ÷ at 10", longest.Allocated / shortest.Allocated, 1.2, "");
        verdicts.AtMost("wall p50 at 1,000 items", rows[2].Costs.Wall.Median, 1, " ms");
        foreach (var row in rows)
        {
            verdicts.AtMost($"journaled per turn at {row.Size:#,0} items", row.Costs.Journaled,
                (1.3 * row.Costs.ItemBytes) + 1024, " B");
        }

        return verdicts;
    }

    /// <summary>The conversations of one size, and what their turns cost.</summary>
    private sealed class SizeRow(int size, LoadOptions options, ServerProcess server)
    {
        private readonly WireSocket _wire = WireSocket.Open(server.Port);
        private List<Conversation> _conversations = [];

        public int Size { get; } = size;

        public TurnCosts Costs { get; } = new();

        private int TurnsEach => Size <= ShortTurns * 3 ? ShortTurns : SectionTurns;

        public async Task RunSectionAsync(bool isMeasured, CancellationToken cancellationToken)
        {
            Prepare();
            var before = await server.Probe.SumsAsync(cancellationToken);
            var turns = 0;
            foreach (var conversation in _conversations)
            {
                for (var i = 0; i < TurnsEach; i++, turns++)
                {
                    var create = conversation.NextTurn();
                    var begun = Stopwatch.GetTimestamp();
                    conversation.RunNext(create);
                    if (isMeasured)
                    {
                        Costs.Add(Stopwatch.GetElapsedTime(begun), Create.ItemBytes + conversation.OutputBytes);
                    }
                }
            }

            var spent = await server.Probe.SumsAsync(cancellationToken) - before;
            if (isMeasured)
            {
                Costs.Add(turns, spent);
            }
        }

        private void Prepare()
        {
            if (_conversations.Count == 0 || _conversations[0].Items > Size * 1.2)
            {
                _conversations =
                    [.. Enumerable.Range(0, SectionTurns / TurnsEach).Select(_ => new Conversation(_wire))];
                _conversations.ForEach(conversation => conversation.Grow(Size - 2));
            }

            _conversations.ForEach(conversation => conversation.Begin(TurnsEach + 1, options.AnswerBytes));
        }
    }
}
