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
    private const int Sockets = 16;

    // The item's other members bring it to 2,000 bytes.
    private const int AnswerTextBytes = 1_840;

    public static async Task<Verdicts> AskAsync(LoadOptions options, CancellationToken cancellationToken)
    {
        Console.WriteLine("## memory: what a warm idle conversation of 100 items holds");
        Console.WriteLine();
        await using var server = await ServerProcess.StartAsync(options, cancellationToken);
        await TalkAsync(server, Sockets, cancellationToken);
        var before = await Settled.ResidentBytesAsync(server, cancellationToken);
        var count = options.Count(Conversations);
        var content = await TalkAsync(server, count, cancellationToken);
        var after = await Settled.ResidentBytesAsync(server, cancellationToken);
        var warm = await server.Probe.MetricAsync("evergrain_conversations_warm", cancellationToken);
        var estimated = await server.Probe.MetricAsync("evergrain_bytes_warm", cancellationToken);

        var (each, contentEach) = ((double)(after - before) / count, (double)content / count);
        var table = new Table("conversations", "content KB each", "process KB each", "ratio", "server's estimate KB each",
            "process MB before", "after");
        table.Row(count.ToString("#,0", CultureInfo.InvariantCulture), contentEach / 1e3, each / 1e3, each / contentEach,
            estimated / warm / 1e3, before / 1e6, after / 1e6);
        table.Print();
        var verdicts = new Verdicts();
        verdicts.AtMost("process bytes of a warm idle conversation", each, (2.5 * contentEach) + 4096, "");
        verdicts.Must($"none passivated: {warm} of {count + Sockets} are warm", (int)warm == count + Sockets);
        return verdicts;
    }

    /// <summary>Runs whole conversations, some at a time; gives the bytes of all their items.</summary>
    private static async Task<long> TalkAsync(ServerProcess server, int conversations, CancellationToken cancellationToken)
    {
        var next = 0;
        var talkers = Enumerable.Range(0, Sockets).Select(_ => Task.Factory.StartNew(Talk, cancellationToken,
            TaskCreationOptions.LongRunning, TaskScheduler.Default));
        var contents = await Task.WhenAll(talkers);
        return contents.Sum();

        long Talk()
        {
            using var wire = WireSocket.Open(server.Port);
            var content = 0L;
            while (Interlocked.Increment(ref next) <= conversations && !cancellationToken.IsCancellationRequested)
            {
                content += TalkOnce(wire);
            }

            return content;
        }
    }

    private static long TalkOnce(WireSocket wire)
    {
        var conversation = new Conversation(wire);
        var script = Create.Script(string.Join(',', Enumerable.Repeat($$"""{"bytes":{{AnswerTextBytes}}}""", Turns)));
        var content = 0L;
        for (var turn = 0; turn < Turns; turn++)
        {
            var input = turn == 0 ? script : Create.Message(turn);
            conversation.Run(Create.Turn(conversation.Last, [input], withTools: false));
            content += input.Length + conversation.OutputBytes;
        }

        return content;
    }
}
