using System.Diagnostics;
using System.Globalization;
using Evergrain.Load.Client;
using Evergrain.Load.Report;
using Evergrain.Load.Server;

namespace Evergrain.Load.Questions;

/// <summary>
/// A history of 1,000 items and 2 MB with one new item, of a loop that goes on and of one that was never seen: this
/// build beside another, over HTTP, stored.
/// </summary>
internal sealed class ReplayHistories(LoadOptions options, CallingUpstream model)
{
    private const int Pairs = 24;
    private const int WarmUpPairs = 8;
    private const int SectionTurns = 6;
    private const int Items = 1_000;

    // A call of some 160 bytes goes before each.
    private const int OutputBytes = 3_840;
    private const double KnownMax = 0.2;
    private const double UnknownMax = 1.1;

    private int _histories;

    public async Task AskAsync(
        ServerProcess own, ServerProcess before, Verdicts verdicts, CancellationToken cancellationToken)
    {
        var (known, unknown) = (new Figures("known"), new Figures("unknown"));
        for (var pair = -WarmUpPairs; pair < options.Count(Pairs); pair++)
        {
            foreach (var figures in (Figures[])[known, unknown])
            {
                cancellationToken.ThrowIfCancellationRequested();
                var history = ++_histories;

                // Who goes first changes, so that neither always follows the other's garbage.
                var order = pair % 2 == 0 ? (First: own, Second: before) : (First: before, Second: own);
                var first = await RunAsync(order.First, figures == known, history, cancellationToken);
                var second = await RunAsync(order.Second, figures == known, history, cancellationToken);
                if (pair >= 0)
                {
                    var (mine, others) = pair % 2 == 0 ? (first, second) : (second, first);
                    figures.Add(mine, others);
                }
            }
        }

        known.Print();
        unknown.Print();
        Console.WriteLine();
        known.Judge(verdicts, KnownMax);
        unknown.Judge(verdicts, UnknownMax);
    }

    private async Task<Costs> RunAsync(
        ServerProcess server, bool isKnown, int history, CancellationToken cancellationToken)
    {
        using var loop = new Resending(server.Port, store: true);
        var turn = 0;
        if (isKnown)
        {
            Begin(loop, $"{history}");
            loop.Run();
        }

        var before = await server.Probe.SumsAsync(cancellationToken);
        var calls = server.Probe.SystemCalls();
        var (wall, processor) = (new List<double>(), server.Probe.ProcessorTime());
        for (; turn < SectionTurns; turn++)
        {
            using var fresh = isKnown ? null : new Resending(server.Port, store: true);
            if (fresh is not null)
            {
                Begin(fresh, $"{history}.{turn}");
            }

            var sender = fresh ?? loop;
            sender.Add(isKnown ? Create.Output(loop.CallId, turn, OutputBytes) : Create.Message(turn));
            var begun = Stopwatch.GetTimestamp();
            sender.Run();
            wall.Add((Stopwatch.GetElapsedTime(begun) - model.LastCall).TotalMilliseconds);
        }

        var cpu = server.Probe.ProcessorTime() - processor;
        calls = server.Probe.SystemCalls() - calls;
        var spent = await server.Probe.SumsAsync(cancellationToken) - before;
        return new Costs(Spread.Of(wall).Median, cpu.TotalMilliseconds / SectionTurns,
            spent.Allocated / 1e3 / SectionTurns, spent.Journaled / 1e3 / SectionTurns, (double)calls / SectionTurns);
    }

    private static void Begin(Resending loop, string name)
    {
        loop.Add($$"""{"type":"message","role":"user","content":"This is history {{name}}."}""");
        for (var i = 1; i < Items; i += 2)
        {
            var call = string.Create(CultureInfo.InvariantCulture, $"call_{i:x24}");
            loop.Add($$"""
                {"type":"function_call","call_id":"{{call}}","name":"read_file","arguments":"{\"path\":\"src/P.cs\"}"}
                """);
            loop.Add(Create.Output(call, i, OutputBytes));
        }
    }

    /// <summary>A turn of a section: milliseconds but for the model server's, then the server's sums.</summary>
    private sealed record Costs(double Wall, double Processor, double Allocated, double Journaled, double Calls);

    private sealed class Figures(string name)
    {
        private readonly Ratios _wall = new();
        private readonly Ratios _processor = new();
        private readonly Ratios _allocated = new();
        private readonly Ratios _journaled = new();
        private readonly Ratios _calls = new();

        public void Add(Costs own, Costs other)
        {
            _wall.Add(own.Wall, other.Wall);
            _processor.Add(own.Processor, other.Processor);
            _allocated.Add(own.Allocated, other.Allocated);
            _journaled.Add(own.Journaled, other.Journaled);
            _calls.Add(own.Calls, other.Calls);
        }

        public void Print()
        {
            Console.WriteLine(_wall.Line($"1,000 items, {name}: a turn less the model server's time", " ms"));
            Console.WriteLine(_processor.Line($"1,000 items, {name}: CPU", " ms"));
            Console.WriteLine(_allocated.Line($"1,000 items, {name}: allocation", " KB"));
            Console.WriteLine(_journaled.Line($"1,000 items, {name}: journaled", " KB"));
            Console.WriteLine(_calls.Line($"1,000 items, {name}: read and write system calls", ""));
        }

        public void Judge(Verdicts verdicts, double ratioMax)
        {
            verdicts.AtMost($"{name}: time ratio, median", _wall.Interval().Median, ratioMax, "");
            verdicts.AtMost($"{name}: CPU ratio, median", _processor.Interval().Median, ratioMax, "");
        }
    }
}
