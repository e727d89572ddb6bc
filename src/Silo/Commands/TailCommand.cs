using System.CommandLine;
using System.Globalization;
using System.Text.Json;

namespace Evergrain.Silo.Commands;

/// <summary><c>evergrain tail ID</c>: the turns of a conversation as they begin and end.</summary>
internal static class TailCommand
{
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
        Action<JsonElement> write = line.GetValue(SourceFlags.Json) ? Terminal.Write : Write;
        var written = new Dictionary<string, bool>(StringComparer.Ordinal);
        var after = 0;
        while (true)
        {
            var turns = await TurnRows.ReadAsync(source, id, after, cancellationToken);
            written = Show(turns, written, write);
            if (line.DataOf() is not null)
            {
                return 0;
            }

            // The next look begins with the first turn that runs now.
            after = turns.Where(static turn => TurnRows.NumberOf(turn) > 0).TakeWhile(TurnRows.HasEnded)
                .Select(TurnRows.NumberOf).DefaultIfEmpty(after).Last();
            await Task.Delay(Pause, TimeProvider.System, cancellationToken);
        }
    }

    /// <summary>Writes what is new of a list.</summary>
    /// <param name="turns">The list.</param>
    /// <param name="written">What was written of turns before, by id: whether as ended.</param>
    /// <param name="write">Writes a turn.</param>
    /// <returns>The same of this list.</returns>
    private static Dictionary<string, bool> Show(
        IReadOnlyList<JsonElement> turns, Dictionary<string, bool> written, Action<JsonElement> write)
    {
        var now = new Dictionary<string, bool>(StringComparer.Ordinal);
        foreach (var turn in turns)
        {
            var (id, hasEnded) = (turn.Text("id") ?? "", TurnRows.HasEnded(turn));
            now[id] = hasEnded;
            if (!written.TryGetValue(id, out var wasEnded) || hasEnded != wasEnded)
            {
                write(turn);
            }
        }

        return now;
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
}
