using System.CommandLine;
using System.Text.Json;

namespace Evergrain.Silo.Commands;

/// <summary><c>evergrain list</c>: the conversations, the newest first.</summary>
internal static class ListCommand
{
    private const int LimitDefault = 20;
    private const int LimitMax = 100;

    private static readonly Option<int?> Limit = new("--limit")
    {
        Description = $"How many, 1 to {LimitMax}, default {LimitDefault}.",
        HelpName = "N",
    };

    private static readonly Option<string> After = new("--after")
    {
        Description = "What the page before gave as its next.",
        HelpName = "NEXT",
    };

    public static Command Create()
    {
        var command = new Command("list", """
            Lists conversations, the newest first.

            Examples:
              evergrain list
              evergrain list --limit 5 --json
              evergrain list --data ./data
            """) { Limit, After };
        command.AddSource();
        command.SetRun(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult line, CancellationToken cancellationToken)
    {
        var limit = line.GetValue(Limit) ?? LimitDefault;
        if (limit is < 1 or > LimitMax)
        {
            throw new CommandException($"--limit must be 1 to {LimitMax}, not {limit}.");
        }

        await using var source = line.OpenSource();
        var page = await source.ListAsync(line.GetValue(After), limit, cancellationToken);
        if (line.GetValue(SourceFlags.Json))
        {
            Terminal.Write(page);
            return 0;
        }

        var table = Terminal.NewTable("conversation", "tenant", "created (UTC)", "turns", "items", "state");
        foreach (var one in page.List("data"))
        {
            table.Add(one.Text("id"), one.Text("tenant"), Terminal.Moment(one.Number("created_at_ms")),
                Terminal.Count(Find(one, "turns")), Terminal.Count(Find(one, "items")), StateOf(one));
        }

        Terminal.Write(table);
        if (page.Text("next") is { } next)
        {
            Console.WriteLine(Terminal.Safe($"There are more: --after {next}"));
        }

        return 0;
    }

    /// <summary>A number of a conversation. A server knows it of those in memory, a file of all.</summary>
    private static double? Find(JsonElement conversation, string name) =>
        conversation.Number(name) ?? conversation.Number("memory", name);

    private static string? StateOf(JsonElement conversation) =>
        conversation.Number("memory", "running") is > 0 ? "running"
        : conversation.At("memory") is not null ? "in memory"
        : conversation.Text("status") ?? "in the journal";
}
