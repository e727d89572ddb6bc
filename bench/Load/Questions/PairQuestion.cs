using System.Diagnostics;
using Evergrain.Load.Client;
using Evergrain.Load.Report;
using Evergrain.Load.Server;

namespace Evergrain.Load.Questions;

/// <summary>
/// Is this build slower than another? Both serve side by side and are asked in turn: stored turns of a tool loop over
/// one socket, turns of 32 clients at once, and starts. Each figure is a ratio of pairs with its interval.
/// </summary>
internal static class PairQuestion
{
    private const int Pairs = 24;
    private const int WarmUpPairs = 6;
    private const int SectionTurns = 100;
    private const int Clients = 32;
    private const int ClientTurns = 60;
    private const int Items = 100;

    public static async Task<Verdicts> AskAsync(LoadOptions options, CancellationToken cancellationToken)
    {
        if (options.Other is not { } build)
        {
            Console.WriteLine("## pair: not asked, since --other names no build");
            Console.WriteLine();
            return new Verdicts();
        }

        Console.WriteLine($"## pair: this build beside {build}");
        Console.WriteLine();
        var other = options with { Server = build, JournalUrl = options.OtherJournalUrl };
        return (await CompareAsync(options, other, cancellationToken)).Judge();
    }

    /// <summary>Asks both in turn, and prints each figure.</summary>
    public static async Task<Figures> CompareAsync(
        LoadOptions options, LoadOptions other, CancellationToken cancellationToken)
    {
        var figures = new Figures();
        var pairs = options.Count(Pairs);
        for (var pair = 0; pair < pairs; pair++)
        {
            figures.Add(Figure.Start, await StartMsAsync(options, cancellationToken),
                await StartMsAsync(other, cancellationToken));
        }

        await using var own = await Side.StartAsync(options, cancellationToken);
        await using var before = await Side.StartAsync(other, cancellationToken);
        for (var pair = -WarmUpPairs; pair < pairs; pair++)
        {
            // Who goes first changes, so that neither always follows the other's garbage.
            var (first, second) = pair % 2 == 0 ? (own, before) : (before, own);
            await first.RunAsync(cancellationToken);
            await second.RunAsync(cancellationToken);
            if (pair >= 0)
            {
                figures.Add(own.Last, before.Last);
            }
        }

        figures.Print();
        Console.WriteLine($"Load at the end: {Machine.Load()}.");
        Console.WriteLine();
        return figures;
    }

    private static async Task<double> StartMsAsync(LoadOptions options, CancellationToken cancellationToken)
    {
        var begun = Stopwatch.GetTimestamp();
        await using var server = await options.StartServerAsync(cancellationToken);
        return Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
    }

    /// <summary>What is measured.</summary>
    internal enum Figure
    {
        Start,
        Wall,
        Processor,
        Allocated,
        Calls,
        Rate,
        RateProcessor,
    }

    /// <summary>One of the two servers.</summary>
    private sealed class Side(ServerProcess server, bool isWatched) : IAsyncDisposable
    {
        private readonly WireSocket _wire = WireSocket.Open(server.Port, isTimed: isWatched);
        private Conversation _conversation = null!;

        public Dictionary<Figure, double> Last { get; } = [];

        public static async Task<Side> StartAsync(LoadOptions options, CancellationToken cancellationToken) =>
            new(await options.StartServerAsync(cancellationToken), options.Collector is not null);

        public async Task RunAsync(CancellationToken cancellationToken)
        {
            _conversation = new Conversation(_wire);
            _conversation.Grow(Items - 2);
            _conversation.Begin(SectionTurns + 1, argumentBytes: 0);
            var before = await server.Probe.SumsAsync(cancellationToken);
            var calls = server.Probe.SystemCalls();
            var wall = new Samples();
            for (var i = 0; i < SectionTurns; i++)
            {
                var create = _conversation.NextTurn();
                var begun = Stopwatch.GetTimestamp();
                _conversation.RunNext(create);
                wall.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
            }

            calls = server.Probe.SystemCalls() - calls;
            var spent = await server.Probe.SumsAsync(cancellationToken) - before;
            Last[Figure.Wall] = wall.Median;
            Last[Figure.Processor] = spent.Processor.TotalMilliseconds / SectionTurns;
            Last[Figure.Allocated] = spent.Allocated / 1e3 / SectionTurns;
            Last[Figure.Calls] = (double)calls / SectionTurns;
            await RunClientsAsync();
        }

        public async ValueTask DisposeAsync()
        {
            _wire.Dispose();
            await server.DisposeAsync();
        }

        private async Task RunClientsAsync()
        {
            var ready = new Barrier(Clients + 1);
            var clients = Enumerable.Range(0, Clients).Select(_ => Task.Factory.StartNew(() =>
            {
                using var wire = WireSocket.Open(server.Port, isTimed: isWatched);
                var conversation = new Conversation(wire);
                conversation.Begin(ClientTurns + 1, argumentBytes: 0);
                ready.SignalAndWait();
                for (var i = 0; i < ClientTurns; i++)
                {
                    conversation.RunNext(conversation.NextTurn());
                }
            }, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)).ToArray();
            ready.SignalAndWait();
            var (begun, processor) = (Stopwatch.GetTimestamp(), server.Probe.ProcessorTime());
            await Task.WhenAll(clients);
            Last[Figure.Rate] = Clients * ClientTurns / Stopwatch.GetElapsedTime(begun).TotalSeconds;
            Last[Figure.RateProcessor] =
                (server.Probe.ProcessorTime() - processor).TotalMilliseconds / (Clients * ClientTurns);
        }
    }

    /// <summary>What was measured of both.</summary>
    internal sealed class Figures
    {
        private readonly Dictionary<Figure, Ratios> _ratios =
            Enum.GetValues<Figure>().ToDictionary(static figure => figure, static _ => new Ratios());

        public void Add(Figure figure, double own, double other) => _ratios[figure].Add(own, other);

        public void Add(Dictionary<Figure, double> own, Dictionary<Figure, double> other)
        {
            foreach (var (figure, value) in own)
            {
                Add(figure, value, other[figure]);
            }
        }

        public void Print()
        {
            Say(Figure.Start, "start to ready", " ms");
            Say(Figure.Wall, "a stored turn over WebSocket, p50 of a section", " ms");
            Say(Figure.Processor, "its CPU", " ms");
            Say(Figure.Allocated, "its allocation", " KB");
            Say(Figure.Calls, "its read and write system calls", "");
            Say(Figure.Rate, $"turns/s with {Clients} clients", "");
            Say(Figure.RateProcessor, "their CPU", " ms");
            Console.WriteLine();
        }

        /// <summary>The lower end of a ratio's interval.</summary>
        public double Low(Figure figure) => _ratios[figure].Interval().Low;

        public Verdicts Judge()
        {
            var verdicts = new Verdicts();
            foreach (var figure in (Figure[])[Figure.Start, Figure.Wall, Figure.Processor])
            {
                verdicts.AtMost($"{figure} ratio, the interval's lower end", Low(figure), 1, "");
            }

            verdicts.Must("turns/s with 32 clients: the interval's upper end is at least 1.1",
                _ratios[Figure.Rate].Interval().High >= 1.1);
            return verdicts;
        }

        private void Say(Figure figure, string what, string unit) =>
            Console.WriteLine(_ratios[figure].Line(what, unit));
    }
}
