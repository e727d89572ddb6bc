using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Evergrain.Silo.Commands;

/// <summary><c>evergrain import FILE</c>: makes the turns of an exported conversation again, under new ids.</summary>
internal static class ImportCommand
{
    // Some ten times the longest conversation that we measure (10,000 items of 2 KB).
    private const long FileBytesMax = 256L << 20;

    private static readonly Argument<string> Source = new("FILE") { Description = "A file that export wrote." };

    private static readonly Option<string> Model = new("--model")
    {
        Description = "The model of every turn; default the one that the file names, which the server must have.",
        HelpName = "NAME",
    };

    public static Command Create()
    {
        var command = new Command("import", """
            Makes the turns of an exported file again, each as a stored create that calls no model.
            The server checks and counts them as it does any create. It gives new ids, and the command prints which
            stands for which. Where a turn is refused, those before it are deleted again.

            Examples:
              evergrain import conversation.json
              evergrain import conversation.json --model demo --json
            """) { Source, Model };
        command.AddServer();
        command.SetRun(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult line, CancellationToken cancellationToken)
    {
        using var file = await ReadAsync(line.GetRequiredValue(Source), cancellationToken);
        using var server = line.OpenServer();
        var import = new TurnImport(server, line.GetValue(Model));
        var turns = await import.RunAsync(file.RootElement, cancellationToken);
        if (line.GetValue(SourceFlags.Json))
        {
            Terminal.Write(ToJson(turns, import.LeftOut));
            return 0;
        }

        var table = Terminal.NewTable("in the file", "on the server", "context");
        foreach (var turn in turns)
        {
            table.Add(turn.From, turn.To, turn.IsEqual switch
            {
                true => "equal",
                false => "differs from the digest in the file",
                null => "its open call stands in the next turn",
            });
        }

        Terminal.Write(table);
        if (import.LeftOut > 0)
        {
            await Console.Error.WriteLineAsync(
                $"{import.LeftOut} items are left out: they begin with a call that no later turn answers.");
        }

        return 0;
    }

    private static async Task<JsonDocument> ReadAsync(string path, CancellationToken cancellationToken)
    {
        await using var file = new FileStream(path, FileMode.Open, FileAccess.Read);
        if (file.Length > FileBytesMax)
        {
            throw new CommandException(
                $"The file {path} has {file.Length} bytes, and at most {FileBytesMax} are imported.");
        }

        try
        {
            var document = await JsonDocument.ParseAsync(
                file, new JsonDocumentOptions { MaxDepth = ExportFormat.DepthMax }, cancellationToken);
            return document.RootElement.Text("object") == ExportFormat.Kind &&
                document.RootElement.Number("version") == ExportFormat.Version
                    ? document
                    : throw new CommandException($"The file {path} is no export of version {ExportFormat.Version}.");
        }
        catch (JsonException e)
        {
            throw new CommandException($"The file {path} is not valid JSON: {e.Message}", e);
        }
    }

    private static JsonObject ToJson(IReadOnlyList<ImportedTurn> turns, int leftOut) => new()
    {
        ["object"] = "evergrain.imported",
        ["conversations"] = new JsonArray(
            [.. turns.Select(static turn => IdArgument.Read(turn.To)).Distinct()
                .Select(static id => JsonValue.Create(id.ToString()))]),
        ["responses"] = new JsonArray([.. turns.Select(static turn => new JsonObject
        {
            ["from"] = turn.From, ["to"] = turn.To, ["is_equal"] = turn.IsEqual,
        })]),
        ["items_left_out"] = leftOut,
    };
}
