namespace Evergrain.Load.Client;

/// <summary>Whole conversations, some at a time: a user message of 2,000 bytes, a model's message of as much.</summary>
internal static class Talk
{
    private const int Sockets = 16;

    // The item's other members bring it to 2,000 bytes.
    private const int AnswerTextBytes = 1_840;

    /// <summary>Runs conversations of so many turns each; gives the bytes of all their items.</summary>
    public static async Task<long> RunAsync(int port, int conversations, int turns,
        CancellationToken cancellationToken)
    {
        var next = 0;
        var talkers = Enumerable.Range(0, Sockets).Select(_ => Task.Factory.StartNew(TalkOn, cancellationToken,
            TaskCreationOptions.LongRunning, TaskScheduler.Default));
        var contents = await Task.WhenAll(talkers);
        return contents.Sum();

        long TalkOn()
        {
            using var wire = WireSocket.Open(port);
            var content = 0L;
            while (Interlocked.Increment(ref next) <= conversations && !cancellationToken.IsCancellationRequested)
            {
                content += RunOne(wire, turns);
            }

            return content;
        }
    }

    private static long RunOne(WireSocket wire, int turns)
    {
        var conversation = new Conversation(wire);
        var script = Create.Script(string.Join(',', Enumerable.Repeat($$"""{"bytes":{{AnswerTextBytes}}}""", turns)));
        var content = 0L;
        for (var turn = 0; turn < turns; turn++)
        {
            var input = turn == 0 ? script : Create.Message(turn);
            conversation.Run(Create.Turn(conversation.Last, [input], withTools: false));
            content += input.Length + conversation.OutputBytes;
        }

        return content;
    }
}
