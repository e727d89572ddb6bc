using System.Diagnostics;
using Evergrain.Cluster.Processes;
using Evergrain.Cluster.Wire;
using Evergrain.Load.Client;
using Evergrain.Load.Report;

namespace Evergrain.Cluster.Questions;

/// <summary>
/// What does the hop between frontend and silo add to a streamed event? A model server in this process sends a piece
/// every 10 ms and writes into it when; the client, in this process too, compares. The same turns go through an
/// embedded server, a silo that is its own frontend, and a frontend with the silo apart.
/// </summary>
internal static class EventsQuestion
{
    private const int Deltas = 200;
    private const int Rounds = 15;
    private const int WarmUpTurns = 400;

    // The first pieces wait until the turn's beginning is durable, which is another question.
    private const int FirstDeltas = 10;
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(10);
    private static readonly int[] StreamCounts = [1, 20];

    public static async Task<Verdicts> AskAsync(ClusterOptions options, CancellationToken cancellationToken)
    {
        Console.WriteLine("## events: what the hop between frontend and silo adds to a streamed event");
        Console.WriteLine();
        using var upstream = new TimedUpstream(Deltas);
        upstream.Start();
        string[] models = ["--model-url", upstream.Url, "--model-api", "chat"];
        await using var database = await Database.StartAsync(options, cancellationToken);
        await using var second = await Database.StartAsync(options, cancellationToken);
        await using var third = await Database.StartAsync(options, cancellationToken);
        await using var embedded = await Deployment.EmbeddedAsync(options, database.Url, models, cancellationToken);
        await using var both = await Deployment.BothAsync(options, second.Url, models, cancellationToken);
        await using var apart = await Deployment.ApartAsync(options, third.Url, 1, models, cancellationToken);
        Deployment[] deployments = [embedded, both, apart];
        foreach (var deployment in deployments)
        {
            await RunAsync(deployment, StreamCounts[^1], options.Count(WarmUpTurns) / StreamCounts[^1], null,
                cancellationToken);
        }

        upstream.Interval = Interval;
        var table = new Table("streams, through", "events", "p50 ms", "p99 ms", "max ms", "p50 over embedded",
            "p99 over embedded", "events at once");
        foreach (var streams in StreamCounts)
        {
            var rows = deployments.Select(deployment => new Row(deployment)).ToArray();
            for (var round = 0; round < options.Count(streams == 1 ? Rounds : Rounds / 3); round++)
            {
                foreach (var row in rows)
                {
                    await RunAsync(row.Deployment, streams, 1, row, cancellationToken);
                }
            }

            Array.ForEach(rows, row => row.AddTo(table, streams, rows[0]));
        }

        table.Print();
        Console.WriteLine($"Load at the end: {Machine.Load()}.");
        Console.WriteLine();
        return new Verdicts();
    }

    /// <summary>Runs turns over some sockets at once, each turn a new conversation.</summary>
    private static async Task RunAsync(Deployment deployment, int streams, int turns, Row? row,
        CancellationToken cancellationToken)
    {
        var all = await Task.WhenAll(Enumerable.Range(0, streams).Select(_ => Task.Factory.StartNew(
            () => Stream(deployment.Port, turns), cancellationToken, TaskCreationOptions.LongRunning,
            TaskScheduler.Default)));
        Array.ForEach(all, events => row?.Add(events));
    }

    /// <summary>When each event was sent and when it came.</summary>
    private static List<(long Sent, long Came)> Stream(int port, int turns)
    {
        using var wire = WireSocket.Open(port);
        var events = new List<(long, long)>(turns * Deltas);
        for (var turn = 0; turn < turns; turn++)
        {
            wire.Send(Create.Turn(null, [Create.Message(turn)], withTools: false));
            for (var isEnded = false; !isEnded;)
            {
                var frame = wire.Read();
                var now = Stopwatch.GetTimestamp();
                if (Conversation.Is(frame, "response.output_text.delta"u8))
                {
                    events.Add((TimedUpstream.SentAt(frame), now));
                }

                isEnded = Conversation.Is(frame, "response.completed"u8);
                if (Conversation.Is(frame, "response.failed"u8) || Conversation.Is(frame, "error"u8))
                {
                    throw new InvalidOperationException("A turn failed.");
                }
            }
        }

        return events;
    }

    /// <summary>One deployment, and how late its events were.</summary>
    private sealed class Row(Deployment deployment)
    {
        // Events closer than this to the one before came with it.
        private static readonly TimeSpan Together = TimeSpan.FromMilliseconds(1);

        private readonly Samples _millis = new();
        private int _together;

        public Deployment Deployment => deployment;

        public void Add(List<(long Sent, long Came)> events)
        {
            if (events.Count != Deltas)
            {
                throw new InvalidOperationException($"{events.Count} of {Deltas} events came by themselves.");
            }

            for (var i = FirstDeltas; i < events.Count; i++)
            {
                _millis.Add(Stopwatch.GetElapsedTime(events[i].Sent, events[i].Came).TotalMilliseconds);
                _together += Stopwatch.GetElapsedTime(events[i - 1].Came, events[i].Came) < Together ? 1 : 0;
            }
        }

        public void AddTo(Table table, int streams, Row embedded) => table.Row(
            $"{streams}, {deployment.Name}", _millis.Count, _millis.Median, _millis.P99, _millis.Max,
            _millis.Median - embedded._millis.Median, _millis.P99 - embedded._millis.P99, _together);
    }
}
