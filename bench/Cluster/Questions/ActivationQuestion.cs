using System.Globalization;
using Evergrain.Cluster.Processes;
using Evergrain.Load.Client;
using Evergrain.Load.Report;

namespace Evergrain.Cluster.Questions;

/// <summary>
/// How long does a conversation take to begin, and to come back from the journal? A first turn, and the first turn of a
/// conversation that another process wrote and that ended since, each less the turns that follow it.
/// </summary>
/// <remarks>
/// An embedded server writes the conversations and stops. So every one is cold for whoever takes it next, in processes
/// that have long been warm, and nobody waits for passivation. It is as after a silo's death: another wrote last.
/// </remarks>
internal static class ActivationQuestion
{
    private const int NewConversations = 200;
    private const int NextTurns = 5;
    private const int WarmUpConversations = 600;

    public static async Task<Verdicts> AskAsync(ClusterOptions options, CancellationToken cancellationToken)
    {
        Console.WriteLine("## activation: what it takes to begin a conversation, and to bring one back");
        Console.WriteLine();
        await using var database = await Database.StartAsync(options, cancellationToken);
        Batch[] batches = [new(1_000, 30, false), new(100, 40, true), new(1_000, 40, true), new(10_000, 10, true)];
        await using var otherDatabase = await Database.StartAsync(options, cancellationToken);
        await WriteAsync(options, [database.Url, otherDatabase.Url], batches, cancellationToken);
        await using var embedded = await Deployment.EmbeddedAsync(options, database.Url, null, cancellationToken);
        await using var apart = await Deployment.ApartAsync(options, otherDatabase.Url, 1, null, cancellationToken);
        using Visitor first = new(embedded), second = new(apart);
        Visitor[] visitors = [first, second];
        var table = new Table("conversation, through", "times", "first turn p50 ms", "p99 ms", "next turns p50 ms",
            "first less next, p50", "p99", "items from the journal, each");
        foreach (var count in (int[])[options.Count(WarmUpConversations), options.Count(NewConversations)])
        {
            for (var i = 0; i < count; i++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                Array.ForEach(visitors, visitor => visitor.Visit(null, NextTurns));
            }

            AddRows(visitors, count == options.Count(NewConversations) ? table : null, "new", [0, 0]);
        }

        var verdicts = new Verdicts();
        foreach (var batch in batches)
        {
            var recovered = await VisitAsync(visitors, batch, cancellationToken);
            AddRows(visitors, batch.IsMeasured ? table : null, $"{batch.Items:#,0} items", recovered);
            verdicts.Must(string.Create(CultureInfo.InvariantCulture, $"{batch.Ends.Count} of {batch.Items:#,0} " +
                $"items were cold: {recovered[0]:0} and {recovered[1]:0} items each from the journal"),
                recovered.All(items => items >= batch.Items));
        }

        table.Print();
        Console.WriteLine($"Load at the end: {Machine.Load()}.");
        Console.WriteLine();
        return verdicts;
    }

    /// <summary>Has embedded servers write the conversations, one after the other in each database, and stop.</summary>
    private static async Task WriteAsync(ClusterOptions options, string[] urls, Batch[] batches,
        CancellationToken cancellationToken)
    {
        await using var firstWriter = await Deployment.EmbeddedAsync(options, urls[0], null, cancellationToken);
        await using var secondWriter = await Deployment.EmbeddedAsync(options, urls[1], null, cancellationToken);
        using WireSocket first = WireSocket.Open(firstWriter.Port), second = WireSocket.Open(secondWriter.Port);
        foreach (var batch in batches)
        {
            for (var i = 0; i < 2 * options.Count(batch.Conversations); i++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var wire = i % 2 == 0 ? first : second;
                batch.Ends.Add(new Conversation(wire).Grow(batch.Items, withTools: false));
            }
        }
    }

    /// <summary>Continues a batch's conversations, half each; gives the items that each read for one.</summary>
    private static async Task<double[]> VisitAsync(Visitor[] visitors, Batch batch,
        CancellationToken cancellationToken)
    {
        var before = await RecoveredAsync(visitors, cancellationToken);
        for (var i = 0; i < batch.Ends.Count; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            visitors[i % visitors.Length].Visit(batch.Ends[i], NextTurns);
        }

        var after = await RecoveredAsync(visitors, cancellationToken);
        return [.. after.Zip(before, (now, then) => (now - then) * visitors.Length / batch.Ends.Count)];
    }

    private static Task<double[]> RecoveredAsync(Visitor[] visitors, CancellationToken cancellationToken) =>
        Task.WhenAll(visitors.Select(visitor => visitor.RecoveredAsync(cancellationToken)));

    private static void AddRows(Visitor[] visitors, Table? table, string name, double[] recovered)
    {
        foreach (var (visitor, items) in visitors.Zip(recovered))
        {
            visitor.AddTo(table, name, items);
        }
    }

    /// <summary>Conversations of one length, for each deployment as many.</summary>
    private sealed record Batch(int Items, int Conversations, bool IsMeasured)
    {
        /// <summary>The last response of each.</summary>
        public List<string> Ends { get; } = [];
    }
}
