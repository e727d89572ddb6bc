using System.CommandLine;
using System.Globalization;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Evergrain.Conversations.Ids;

namespace Evergrain.Silo.Commands;

/// <summary><c>evergrain tail ID</c>: the turns of a conversation as they begin and end.</summary>
internal static class TailCommand
{
    // Between two streams: a server ends each after its time, and one that stops ends all.
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private static readonly Argument<string> Id = IdArgument.Create();

    public static Command Create()
    {
        var command = new Command("tail", """
            Prints the turns of a conversation, and each new one as it begins and as it ends.
            It goes on until it is interrupted. With --data it prints the turns of the file, and ends.

            Examples:
              evergrain tail conv_7Il8WAe0LM8iB22NlW8Chu
              evergrain tail conv_7Il8WAe0LM8iB22NlW8Chu --json
            """) { Id };
        command.AddSource();
        command.SetRun(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult line, CancellationToken cancellationToken)
    {
        var id = IdArgument.Read(line.GetRequiredValue(Id));
        await using var source = line.OpenSource();
        var told = new ToldTurns(line.GetValue(SourceFlags.Json) ? Terminal.Write : Write);
        if (source is HttpConversations server)
        {
            await FollowAsync(server, id, told, cancellationToken);
        }

        told.AddList(await TurnRows.ReadAsync(source, id, after: 0, cancellationToken));
        return 0;
    }

    /// <summary>Prints what a server tells, one stream after the other, until the process is interrupted.</summary>
    private static async Task FollowAsync(
        HttpConversations server, ConversationId id, ToldTurns told, CancellationToken cancellationToken)
    {
        while (true)
        {
            // The stream begins before the list is read, so that no turn ends unseen between the two.
            using var stream = await server.FollowAsync(id, cancellationToken);
            told.AddList(await TurnRows.ReadAsync(server, id, told.After, cancellationToken));
            await foreach (var turn in ReadAsync(stream, cancellationToken))
            {
                told.Add(turn);
            }

            await Task.Delay(Pause, TimeProvider.System, cancellationToken);
        }
    }

    /// <summary>The turns that a stream tells, until it ends or its connection does.</summary>
    /// <exception cref="CommandException">The server says that it cannot go on.</exception>
    private static async IAsyncEnumerable<JsonElement> ReadAsync(
        HttpResponseMessage answer, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var stream = await answer.Content.ReadAsStreamAsync(cancellationToken);
        await using var events = SseParser.Create(stream).EnumerateAsync(cancellationToken)
            .GetAsyncEnumerator(cancellationToken);
        while (await HasNextAsync(events))
        {
            if (!events.Current.Data.StartsWith('{'))
            {
                continue;
            }

            var said = JsonElement.Parse(events.Current.Data);
            if (said.Text("type") == "error")
            {
                throw new CommandException(Terminal.Safe($"The server ended the stream: {said.Text("message")}"));
            }

            if (said.At("turn") is { } turn)
            {
                yield return turn;
            }
        }
    }

    private static async Task<bool> HasNextAsync(IAsyncEnumerator<SseItem<string>> events)
    {
        try
        {
            return await events.MoveNextAsync();
        }
        catch (IOException)
        {
            // The connection is gone; asking again says whether the server is.
            return false;
        }
    }

    private static void Write(JsonElement turn)
    {
        var at = Terminal.Moment(turn.Number("ended_at_ms") ?? turn.Number("created_at_ms"));
        var end = TurnRows.TookOf(turn) is { } took ? $" in {took}" : "";
        var most = TurnRows.LongestPhaseOf(turn) is { } phase && TurnRows.HasEnded(turn) ? $", most of it {phase}" : "";
        var added = (turn.Number("items", "input") ?? 0) + (turn.Number("items", "output") ?? 0);
        Console.WriteLine(Terminal.Safe(string.Create(CultureInfo.InvariantCulture,
            $"{at} {turn.Text("id")} {turn.Text("status")}{end}{most}; {added} items new, ") +
            $"{Terminal.Count(turn.Number("items", "held"))} held"));
    }

    /// <summary>Turns that were told: each is told once as it runs, and once as it has ended.</summary>
    private sealed class ToldTurns(Action<JsonElement> write)
    {
        private Dictionary<string, bool> _hasEnded = new(StringComparer.Ordinal);

        /// <summary>The number behind which the next list begins: before it no turn runs.</summary>
        public int After { get; private set; }

        /// <summary>Tells what is new of a list. Turns that it does not hold are forgotten.</summary>
        public void AddList(IReadOnlyList<JsonElement> turns)
        {
            var before = _hasEnded;
            _hasEnded = new Dictionary<string, bool>(StringComparer.Ordinal);
            foreach (var turn in turns)
            {
                if (before.TryGetValue(IdOf(turn), out var hadEnded))
                {
                    _hasEnded[IdOf(turn)] = hadEnded;
                }

                Add(turn);
            }

            After = turns.Where(static turn => TurnRows.NumberOf(turn) > 0).TakeWhile(TurnRows.HasEnded)
                .Select(TurnRows.NumberOf).DefaultIfEmpty(After).Last();
        }

        /// <summary>Tells a turn, if that is new.</summary>
        public void Add(JsonElement turn)
        {
            var hasEnded = TurnRows.HasEnded(turn);
            if (!_hasEnded.TryGetValue(IdOf(turn), out var hadEnded) || hadEnded != hasEnded)
            {
                _hasEnded[IdOf(turn)] = hasEnded;
                write(turn);
            }
        }

        private static string IdOf(JsonElement turn) => turn.Text("id") ?? "";
    }
}
