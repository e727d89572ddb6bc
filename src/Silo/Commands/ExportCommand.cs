using System.CommandLine;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Evergrain.Conversations.Ids;

namespace Evergrain.Silo.Commands;

/// <summary><c>evergrain export ID</c>: the stored turns of a conversation as one JSON file.</summary>
internal static class ExportCommand
{
    private static readonly Argument<string> Id = IdArgument.Create();

    private static readonly Option<string> Output = new("--output")
    {
        Description = "The file, one that is not there yet; default stdout.",
        HelpName = "FILE",
    };

    public static Command Create()
    {
        var command = new Command("export", """
            Writes the stored turns of a conversation as JSON: what each was given, and its response.
            Turns that run, and unstored turns, are left out.

            Examples:
              evergrain export conv_7Il8WAe0LM8iB22NlW8Chu --output conversation.json
              evergrain export conv_7Il8WAe0LM8iB22NlW8Chu --data ./data | jq .turns[].response.status
            """) { Id, Output };
        command.AddSource();
        command.SetRun(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult line, CancellationToken cancellationToken)
    {
        var id = IdArgument.Read(line.GetRequiredValue(Id));
        await using var source = line.OpenSource();
        var turns = await TurnRows.ReadAsync(source, id, after: 0, cancellationToken);
        var chosen = turns.Where(static turn => TurnRows.NumberOf(turn) > 0 && TurnRows.HasEnded(turn)).ToList();
        var file = line.GetValue(Output);
        await using (var output = file is null ? Console.OpenStandardOutput() : Open(file))
        {
            try
            {
                await WriteAsync(output, id, chosen, source, cancellationToken);
            }
            catch when (file is not null)
            {
                File.Delete(file);
                throw;
            }
        }

        await ReportAsync(line, id, file, (chosen.Count, turns.Count - chosen.Count));
        return 0;
    }

    // Its owner alone may read it, as the journal that it comes from.
    private static FileStream Open(string file)
    {
        try
        {
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
            {
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            }

            return new FileStream(file, options);
        }
        catch (IOException e) when (File.Exists(file))
        {
            throw new CommandException($"The file {file} is there already: name a new one.", e);
        }
    }

    private static async Task WriteAsync(Stream output, ConversationId id, List<JsonElement> turns,
        IConversationSource source, CancellationToken cancellationToken)
    {
        await using var json = new Utf8JsonWriter(output, new JsonWriterOptions { MaxDepth = ExportFormat.DepthMax });
        json.WriteStartObject();
        json.WriteString("object"u8, ExportFormat.Kind);
        json.WriteNumber("version"u8, ExportFormat.Version);
        json.WriteString("conversation"u8, id.ToString());
        json.WriteStartArray("turns"u8);
        var parents = turns.Select(static turn => turn.Text("id")).ToHashSet(StringComparer.Ordinal);
        foreach (var turn in turns)
        {
            var response = IdArgument.ReadResponse(turn.Text("id"));
            var parent = turn.Text("previous_response_id") is { } named && parents.Contains(named) ? named : null;
            json.WriteStartObject();
            json.WriteString("id"u8, response.ToString());
            json.WriteString("previous_response_id"u8, parent);
            json.WriteString("digest"u8, turn.Text("digest"));
            json.WriteStartArray("input"u8);

            // Behind a response that was deleted stands everything that it held.
            var count = parent is null ? int.MaxValue : (int)(turn.Number("items", "input") ?? 0);
            foreach (var item in await ReadInputAsync(source, response, count, cancellationToken))
            {
                json.WriteRawValue(JsonMarshal.GetRawUtf8Value(item), skipInputValidation: true);
            }

            json.WriteEndArray();
            json.WritePropertyName("response"u8);
            var made = await source.GetResponseAsync(response, cancellationToken);
            json.WriteRawValue(JsonMarshal.GetRawUtf8Value(made), skipInputValidation: true);
            json.WriteEndObject();
            await json.FlushAsync(cancellationToken);
        }

        json.WriteEndArray();
        json.WriteEndObject();
        await json.FlushAsync(cancellationToken);
        await output.WriteAsync("\n"u8.ToArray(), cancellationToken);
    }

    /// <summary>The last items that a response was made from, in order.</summary>
    private static async Task<List<JsonElement>> ReadInputAsync(
        IConversationSource source, ResponseId response, int count, CancellationToken cancellationToken)
    {
        var items = new List<JsonElement>();
        string? after = null;
        while (items.Count < count)
        {
            var page = await source.ListInputItemsAsync(response, after, cancellationToken);
            items.AddRange(page.List("data").Take(count - items.Count));
            after = page.Text("last_id");
            if (!page.IsTrue("has_more"))
            {
                break;
            }
        }

        items.Reverse();
        return items;
    }

    private static async Task ReportAsync(
        ParseResult line, ConversationId id, string? file, (int Written, int LeftOut) turns)
    {
        if (file is not null && line.GetValue(SourceFlags.Json))
        {
            Terminal.Write(new JsonObject
            {
                ["object"] = "evergrain.exported",
                ["conversation"] = id.ToString(),
                ["file"] = file,
                ["turns"] = turns.Written,
                ["left_out"] = turns.LeftOut,
            });
            return;
        }

        var left = turns.LeftOut == 0 ? "" : $" {turns.LeftOut} that run or are unstored are left out.";
        await Console.Error.WriteLineAsync($"{id}: {turns.Written} turns are written to {file ?? "stdout"}.{left}");
    }
}
