using System.Globalization;
using Evergrain.Cluster.Processes;
using Evergrain.Load.Client;
using Evergrain.Load.Report;
using Evergrain.Load.Server;

namespace Evergrain.Cluster.Questions;

/// <summary>
/// What does an activation hold that is warm and idle: one of a single short turn, and one of 50 turns, 100 items of
/// 2,000 bytes? The resident memory of the process it lives in, after full collections, less what it was before.
/// </summary>
internal static class MemoryQuestion
{
    private const int TinyConversations = 5_000;
    private const int LongConversations = 1_000;
    private const int LongTurns = 50;
    private const int WarmUps = 16;

    public static async Task<Verdicts> AskAsync(ClusterOptions options, CancellationToken cancellationToken)
    {
        Console.WriteLine("## memory: what a warm idle activation holds");
        Console.WriteLine();
        await using var database = await Database.StartAsync(options, cancellationToken);
        var table = new Table("conversations, in", "content KB each", "process KB each", "process MB before", "after");
        var verdicts = new Verdicts();
        await using (var embedded = await Deployment.EmbeddedAsync(options, database.Url, null, cancellationToken))
        {
            await MeasureAsync(options, embedded, embedded.Entry, table, verdicts, cancellationToken);
        }

        await using (var apart = await Deployment.ApartAsync(options, database.Url, 1, null, cancellationToken))
        {
            await MeasureAsync(options, apart, apart.Silos[0], table, verdicts, cancellationToken);
        }

        table.Print();
        return verdicts;
    }

    private static async Task MeasureAsync(ClusterOptions options, Deployment deployment, ServerProcess holder,
        Table table, Verdicts verdicts, CancellationToken cancellationToken)
    {
        var (tiny, whole) = (options.Count(TinyConversations), options.Count(LongConversations));
        var name = deployment.Entry == holder ? deployment.Name : "the silo";
        await Talk.RunAsync(deployment.Port, WarmUps, LongTurns, cancellationToken);
        var before = await Settled.ResidentBytesAsync(holder, cancellationToken);
        var content = BeginTiny(deployment, tiny, cancellationToken);
        var between = await Settled.ResidentBytesAsync(holder, cancellationToken);
        AddRow(tiny, "one short turn", content, before, between);
        content = await Talk.RunAsync(deployment.Port, whole, LongTurns, cancellationToken);
        var after = await Settled.ResidentBytesAsync(holder, cancellationToken);
        AddRow(whole, "100 items", content, between, after);
        var warm = await holder.Probe.MetricAsync("evergrain_conversations_warm", cancellationToken);
        verdicts.Must(string.Create(CultureInfo.InvariantCulture,
            $"none passivated in {name}: {warm} of {tiny + whole + WarmUps} are warm"),
            (int)warm == tiny + whole + WarmUps);

        void AddRow(int count, string what, long bytes, long from, long to) => table.Row(
            string.Create(CultureInfo.InvariantCulture, $"{count:#,0} of {what}, {name}"), bytes / 1e3 / count,
            (to - from) / 1e3 / count, from / 1e6, to / 1e6);
    }

    private static long BeginTiny(Deployment deployment, int count, CancellationToken cancellationToken)
    {
        const string hello = """{"type":"message","role":"user","content":"Hello"}""";
        using var wire = WireSocket.Open(deployment.Port);
        var content = 0L;
        for (var i = 0; i < count; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var conversation = new Conversation(wire);
            conversation.Run(Create.Turn(null, [hello], withTools: false));
            content += hello.Length + conversation.OutputBytes;
        }

        return content;
    }
}
