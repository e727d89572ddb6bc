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

    // By their names in the server's HTTP.
    private static readonly (string Name, Option<string> Option)[] Searches =
    [
        (ListQuery.ById, new Option<string>("--id")
        {
            Description = "The conversation (conv_…), or the one of a response (resp_…).",
            HelpName = "ID",
        }),
        ("request_id", new Option<string>("--request-id")
        {
            Description = "The conversations of a request, by the x-request-id of its answer.",
            HelpName = "ID",
        }),
        ("trace_id", new Option<string>("--trace-id")
        {
            Description = "Those of a W3C trace, by its 32 hexadecimal characters.",
            HelpName = "ID",
        }),
        ("session_id", new Option<string>("--session-id")
        {
            Description = "Those of a client's session, as Codex names it.",
            HelpName = "ID",
        }),
    ];

    public static Command Create()
    {
        var command = new Command("list", """
            Lists conversations, the newest first, or those that one search finds.
            A server knows requests, traces and sessions of the last turns that began. A file knows ids alone.

            Examples:
              evergrain list
              evergrain list --limit 5 --json
              evergrain list --request-id req_4kVb1BqvD7TCoq8vnmVhB1
              evergrain list --data ./data
            """) { Limit, After };
        foreach (var (_, option) in Searches)
        {
            command.Options.Add(option);
        }

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

        var query = new ListQuery(limit, line.GetValue(After)) { Search = ReadSearch(line) };
        await using var source = line.OpenSource();
        var page = await source.ListAsync(query, cancellationToken);
        if (line.GetValue(SourceFlags.Json))
        {
            Terminal.Write(page);
        }
        else
        {
            Write(page);
        }

        return 0;
    }

    private static (string Name, string Text)? ReadSearch(ParseResult line)
    {
        var given = Array.FindAll(Searches, search => line.GetValue(search.Option) is not null);
        return given switch
        {
            [] => null,
            [var (name, option)] => (name, line.GetRequiredValue(option)),
            _ => throw new CommandException("Search by one of " +
                $"{string.Join(", ", given.Select(static search => search.Option.Name))}, not by all."),
        };
    }

    private static void Write(JsonElement page)
    {
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

        if (page.At("is_complete") is { ValueKind: JsonValueKind.False })
        {
            Console.Error.WriteLine("A process of the cluster did not answer: what it alone knows is missing.");
        }
    }

    /// <summary>A number of a conversation. A server knows it of those in memory, a file of all.</summary>
    private static double? Find(JsonElement conversation, string name) =>
        conversation.Number(name) ?? conversation.Number("memory", name);

    private static string? StateOf(JsonElement conversation) =>
        conversation.Number("memory", "running") is > 0 ? "running"
        : conversation.At("memory") is not null ? "in memory"
        : conversation.Text("status") ?? "in the journal";
}
