using System.Diagnostics;
using System.Globalization;
using Evergrain.Load.Client;
using Evergrain.Load.Report;
using Evergrain.Load.Server;

namespace Evergrain.Load.Questions;

/// <summary>
/// Is the server calm, and fair, when 2,000 clients of two tenants want a model that takes 50 calls of 200 ms?
/// </summary>
/// <remarks>
/// The big tenant's 1,950 clients ask without a pause. The small one's 50 pause for a tool as long as a call takes, so
/// that they want 25 of the 50 places on average: just what is theirs. Those who are refused come back when they are
/// told to. A turn waits for 5 s at most, so that there are refusals.
/// </remarks>
internal static class OverloadQuestion
{
    /// <summary>Milliseconds that the model takes for a call.</summary>
    public const int CallMilliseconds = 200;

    private const int BigClients = 1_950;
    private const int SmallClients = 50;
    private const int CallsMax = 50;
    private const double RatioMax = 1.5;
    private const long WarmBytesMax = 256L << 20;
    private const long ReceivedBytesMax = 64L << 20;

    // Per socket: buffers, a task in line, its pooled copies; twice what an idle one may take.
    private const long SocketBytes = 64L << 10;

    // The process itself, its code and the collector's room.
    private const long ProcessBytes = 192L << 20;

    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(8);
    private static readonly TimeSpan Measured = TimeSpan.FromSeconds(30);
    private static readonly string[] Documented = ["429 rate_limit_exceeded", "503 server_is_overloaded"];

    private static readonly Dictionary<string, string> Settings = new(StringComparer.Ordinal)
    {
        ["ApiKeys:0"] = "big=big",
        ["ApiKeys:1"] = "small=small",
        ["OperatorKeys:0"] = ServerProbe.OperatorKey,
        ["ModelCallsMax"] = CallsMax.ToString(CultureInfo.InvariantCulture),
        ["Admission:QueueTimeout"] = "00:00:05",
        ["Admission:ReceivedBytesMax"] = ReceivedBytesMax.ToString(CultureInfo.InvariantCulture),
        ["WarmBytesMax"] = WarmBytesMax.ToString(CultureInfo.InvariantCulture),
    };

    public static async Task<Verdicts> AskAsync(LoadOptions options, CancellationToken cancellationToken)
    {
        Console.WriteLine("## overload: 2,000 clients of two tenants, and a model that takes 50 calls");
        Console.WriteLine();
        await using var server = await (options with { Settings = Settings })
            .StartServerAsync(cancellationToken);
        var pause = TimeSpan.FromMilliseconds(CallMilliseconds);
        var time = Measured * (options.IsQuick ? 0.2 : 1);

        // The server compiles what it will need, and this program as well.
        await using (var first = new Tenant(server, "small", SmallClients, pause))
        {
            await MeasureAsync([first], WarmUp, TimeSpan.Zero, cancellationToken);
        }

        await using var alone = new Tenant(server, "small", SmallClients, pause);
        await MeasureAsync([alone], pause, time, cancellationToken);
        await alone.DisposeAsync();
        await using var big = new Tenant(server, "big", options.Count(BigClients), TimeSpan.Zero);
        await using var beside = new Tenant(server, "small", SmallClients, pause);
        var elapsed = await MeasureAsync([big, beside], WarmUp, time, cancellationToken);
        await big.DisposeAsync();
        await beside.DisposeAsync();

        Print(alone.Tally, beside.Tally, big.Tally);
        return Judge([alone.Tally, beside.Tally, big.Tally], elapsed,
            (server.Probe.PeakBytes(), (options.Count(BigClients) + SmallClients) * SocketBytes));
    }

    /// <summary>Lets the tenants run for a while, then measures; gives how long it really measured.</summary>
    private static async Task<TimeSpan> MeasureAsync(Tenant[] tenants, TimeSpan before, TimeSpan time,
        CancellationToken cancellationToken)
    {
        Array.ForEach(tenants, static tenant => tenant.Start());
        await Task.Delay(before, TimeProvider.System, cancellationToken);
        Array.ForEach(tenants, static tenant => tenant.Tally.Measure(true));
        var begun = Stopwatch.GetTimestamp();
        await Task.Delay(time, TimeProvider.System, cancellationToken);
        Array.ForEach(tenants, static tenant => tenant.Tally.Measure(false));
        return Stopwatch.GetElapsedTime(begun);
    }

    private static void Print(OverloadTally alone, OverloadTally beside, OverloadTally big)
    {
        var table = new Table("", "turns", "p50 ms", "p99 ms", "max ms", "refused");
        Row("small tenant alone", alone);
        Row("small tenant beside the big one", beside);
        Row("big tenant", big);
        table.Print();
        foreach (var (what, count) in big.Errors.Concat(beside.Errors))
        {
            Console.WriteLine($"{what}: {count:#,0}");
        }

        Console.WriteLine($"Load at the end: {Machine.Load()}.");
        Console.WriteLine();

        void Row(string name, OverloadTally tally) => table.Row(name, tally.Turns.Count, tally.Turns.Median,
            tally.Turns.P99, tally.Turns.Max, tally.Errors.Values.Sum());
    }

    private static Verdicts Judge(OverloadTally[] tallies, TimeSpan elapsed, (long Peak, long Sockets) memory)
    {
        var (alone, beside, big) = (tallies[0], tallies[1], tallies[2]);
        var verdicts = new Verdicts();
        verdicts.AtMost("small tenant's p50 beside the big one ÷ alone", beside.Turns.Median / alone.Turns.Median,
            RatioMax, "");
        var others = tallies.SelectMany(static tally => tally.Errors.Keys).Except(Documented).ToList();
        verdicts.Must(others.Count == 0
            ? "no error but 429 rate_limit_exceeded and 503 server_is_overloaded, each with a time to come back"
            : "errors that are not documented: " + string.Join("; ", others), others.Count == 0);

        // More turns than the places allow would mean more calls at a time than the model takes.
        verdicts.AtMost("turns a second, both tenants", (beside.Turns.Count + big.Turns.Count) / elapsed.TotalSeconds,
            CallsMax * 1_000.0 / CallMilliseconds, "");
        verdicts.AtMost("peak of the server's memory", memory.Peak / 1e6,
            (WarmBytesMax + ReceivedBytesMax + ProcessBytes + memory.Sockets) / 1e6, " MB");
        return verdicts;
    }

    /// <summary>The clients of one tenant, each with its socket.</summary>
    private sealed class Tenant(ServerProcess server, string key, int clients, TimeSpan pause) : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly List<WireSocket> _wires = [];
        private Task _running = Task.CompletedTask;

        public OverloadTally Tally { get; } = new();

        public void Start()
        {
            for (var i = 0; i < clients; i++)
            {
                _wires.Add(WireSocket.Open(server.Port, key));
            }

            _running = Task.WhenAll(_wires.Select((wire, seed) => Task.Run(
                () => new OverloadClient(wire, Tally, pause, new Random(seed)).RunAsync(_stop.Token))));
        }

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await _running;
            _wires.ForEach(static wire => wire.Dispose());
            _wires.Clear();
        }
    }
}
