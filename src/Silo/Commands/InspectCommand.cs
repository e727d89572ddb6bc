using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Evergrain.Silo.Commands;

/// <summary><c>evergrain inspect ID</c>: the turns of a conversation, their times and sizes, and no content.</summary>
internal static class InspectCommand
{
    private static readonly Argument<string> Id = IdArgument.Create();

    public static Command Create()
    {
        var command = new Command("inspect", """
            Shows the turns of a conversation: their tree, times, sizes and digests, and no content.

            Examples:
              evergrain inspect conv_7Il8WAe0LM8iB22NlW8Chu
              evergrain inspect resp_7Il8WAe0LM8iB22NlW8Chu_1xq7Bd --json
              evergrain inspect conv_7Il8WAe0LM8iB22NlW8Chu --data ./data
            """) { Id };
        command.AddSource();
        command.SetRun(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult line, CancellationToken cancellationToken)
    {
        var id = IdArgument.Read(line.GetRequiredValue(Id));
        await using var source = line.OpenSource();
        var turns = await TurnRows.ReadAsync(source, id, after: 0, cancellationToken);
        if (line.GetValue(SourceFlags.Json))
        {
            Terminal.Write(new JsonObject
            {
                ["object"] = "evergrain.conversation",
                ["id"] = id.ToString(),
                ["turns"] = new JsonArray([.. turns.Select(static turn => JsonObject.Create(turn))]),
            });
            return 0;
        }

        Write(turns);
        return 0;
    }

    private static void Write(IReadOnlyList<JsonElement> turns)
    {
        var names = turns.ToDictionary(static turn => turn.Text("id") ?? "", NameOf, StringComparer.Ordinal);
        var table = Terminal.NewTable("turn", "after", "response", "status", "began (UTC)", "took", "most of it",
            "tools before it", "new", "held", "context");
        foreach (var turn in turns)
        {
            var parent = turn.Text("previous_response_id");
            table.Add(NameOf(turn), parent is null ? null : names.GetValueOrDefault(parent, parent), turn.Text("id"),
                turn.Text("code") is { } code ? $"{turn.Text("status")} ({code})" : turn.Text("status"),
                Terminal.Moment(turn.Number("created_at_ms")), TurnRows.TookOf(turn), TurnRows.LongestPhaseOf(turn),
                TurnRows.ToolsOf(turn), Terminal.Count(turn.Number("items", "input") + turn.Number("items", "output")),
                Terminal.Count(turn.Number("items", "held")), turn.Text("timing", "context_source"));
        }

        Terminal.Write(table);
    }

    private static string NameOf(JsonElement turn) =>
        TurnRows.NumberOf(turn) is var number and > 0 ? Terminal.Count(number)! : "unstored";
}
