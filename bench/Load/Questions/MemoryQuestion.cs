using System.Globalization;
using Evergrain.Load.Client;
using Evergrain.Load.Report;
using Evergrain.Load.Server;

namespace Evergrain.Load.Questions;

/// <summary>
/// What does a warm idle conversation hold? 1,000 of them, each of 50 turns: a user message of 2,000 bytes, a model's
/// message of about as much. The server's resident memory after a full collection, less what it had before.
/// </summary>
internal static class MemoryQuestion
{
    private const int Conversations = 1_000;
    private const int Turns = 50;
    private const int WarmUps = 16;

    public static async Task<Verdicts> AskAsync(LoadOptions options, CancellationToken cancellationToken)
    {
        Console.WriteLine("## memory: what a warm idle conversation of 100 items holds");
        Console.WriteLine();
        await using var server = await options.StartServerAsync(cancellationToken);
        await Talk.RunAsync(server.Port, WarmUps, Turns, cancellationToken);
        var before = await Settled.ResidentBytesAsync(server, cancellationToken);
        var count = options.Count(Conversations);
        var content = await Talk.RunAsync(server.Port, count, Turns, cancellationToken);
        var after = await Settled.ResidentBytesAsync(server, cancellationToken);
        var warm = await server.Probe.MetricAsync("evergrain_conversations_warm", cancellationToken);
        var estimated = await server.Probe.MetricAsync("evergrain_bytes_warm", cancellationToken);

        var (each, contentEach) = ((double)(after - before) / count, (double)content / count);
        var table = new Table("conversations", "content KB each", "process KB each", "ratio",
            "server's estimate KB each", "process MB before", "after");
        table.Row(count.ToString("#,0", CultureInfo.InvariantCulture), contentEach / 1e3, each / 1e3,
            each / contentEach, estimated / warm / 1e3, before / 1e6, after / 1e6);
        table.Print();
        var verdicts = new Verdicts();
        verdicts.AtMost("process bytes of a warm idle conversation", each, (2.5 * contentEach) + 4096, "");
        verdicts.Must($"none passivated: {warm} of {count + WarmUps} are warm", (int)warm == count + WarmUps);
        return verdicts;
    }
}
