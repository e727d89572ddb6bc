using System.Diagnostics;
using System.Text;
using Evergrain.Load.Client;
using Evergrain.Load.Report;
using Evergrain.Load.Server;

namespace Evergrain.Load.Questions;

/// <summary>
/// What does an idle socket cost, and do 5,000 sockets that all run a turn of 2 s at once leave the server able to
/// answer?
/// </summary>
internal static class SocketsQuestion
{
    private const int Sockets = 5_000;
    private const int WarmUpSockets = 500;
    private const int WarmUpRounds = 6;
    private const double IdleBytesMax = 32 << 10;
    private const double HealthMsMax = 100;

    // Four deltas, half a second before each: 2 s.
    private static readonly byte[] TwoSeconds = Encoding.UTF8.GetBytes(
        """{"type":"response.create","model":"demo","input":[{"type":"message","role":"user","content":""" +
        """ "@@script [{\"say\":\"The quick brown fox jumps over the lazy dog, and then """ +
        """it does so once again. And again, so.""" +
        """\",\"delay_ms\":500,\"chunk_ms\":500}]"}]}""");

    public static async Task<Verdicts> AskAsync(LoadOptions options, CancellationToken cancellationToken)
    {
        Console.WriteLine("## sockets: what an idle socket costs, and 5,000 turns at once");
        Console.WriteLine();
        await using var server = await options.StartServerAsync(cancellationToken);
        await WarmUpAsync(server, cancellationToken);
        var before = await Settled.ResidentBytesAsync(server, cancellationToken);
        var count = options.Count(Sockets);
        var wires = Enumerable.Range(0, count).Select(_ => WireSocket.Open(server.Port)).ToArray();
        var idle = (await Settled.ResidentBytesAsync(server, cancellationToken) - before) / (double)count;

        var health = new HealthPoll(server.Port);
        var (begun, processor) = (Stopwatch.GetTimestamp(), server.Probe.ProcessorTime());
        var turns = new Samples();
        var results = await Task.WhenAll(wires.Select(wire => Task.Run(
            () => RunAsync(wire, cancellationToken), cancellationToken)));
        var elapsed = Stopwatch.GetElapsedTime(begun);
        processor = server.Probe.ProcessorTime() - processor;
        var answers = await health.StopAsync();
        var completed = results.Where(took => took is not null).Select(took => took!.Value).ToList();
        completed.ForEach(took => turns.Add(took.TotalMilliseconds));
        var used = (await Settled.ResidentBytesAsync(server, cancellationToken) - before) / (double)count;
        Array.ForEach(wires, wire => wire.Dispose());

        Print(count, elapsed, turns, answers);
        Console.WriteLine($"CPU a turn: {processor.TotalMilliseconds / count:0.00} ms of the server's time.");
        Console.WriteLine($"Process bytes a socket: idle {idle:#,0}; after its turn, with its conversation, " +
            $"{used:#,0}.");
        Console.WriteLine();
        var verdicts = new Verdicts();
        verdicts.AtMost("process bytes of an idle socket", idle, IdleBytesMax, "");
        verdicts.Must($"{completed.Count} of {count} turns completed", completed.Count == count);
        verdicts.AtMost("slowest answer of /health/ready meanwhile", answers.Max, HealthMsMax, " ms");
        return verdicts;
    }

    /// <summary>
    /// Lets the server compile what it will need: a server that runs 5,000 sockets has run some turns.
    /// </summary>
    private static async Task WarmUpAsync(ServerProcess server, CancellationToken cancellationToken)
    {
        for (var round = 0; round < WarmUpRounds; round++)
        {
            var wires = Enumerable.Range(0, WarmUpSockets).Select(_ => WireSocket.Open(server.Port)).ToArray();
            await Task.WhenAll(wires.Select(wire => RunAsync(wire, cancellationToken)));
            Array.ForEach(wires, wire => wire.Dispose());
        }
    }

    /// <summary>Runs one turn; gives how long it took, or null if it did not complete.</summary>
    private static async Task<TimeSpan?> RunAsync(WireSocket wire, CancellationToken cancellationToken)
    {
        var begun = Stopwatch.GetTimestamp();
        try
        {
            await wire.SendAsync(TwoSeconds, cancellationToken);
            while (true)
            {
                var frame = await wire.ReadAsync(cancellationToken);
                if (Conversation.Is(frame.Span, "response.completed"u8))
                {
                    return Stopwatch.GetElapsedTime(begun);
                }

                if (Conversation.Is(frame.Span, "error"u8) || Conversation.Is(frame.Span, "response.failed"u8))
                {
                    return null;
                }
            }
        }
        catch (IOException)
        {
            return null;
        }
    }

    private static void Print(int count, TimeSpan elapsed, Samples turns, Samples answers)
    {
        var table = new Table("", "count", "p50 ms", "p99 ms", "max ms");
        table.Row("turns of 2,000 ms", turns.Count, turns.Median, turns.P99, turns.Max);
        table.Row("/health/ready, asked every 50 ms", answers.Count, answers.Median, answers.P99, answers.Max);
        table.Print();
        Console.WriteLine($"{count:#,0} turns took {elapsed.TotalSeconds:0.00} s in all. " +
            $"Load at the end: {Machine.Load()}.");
    }
}
