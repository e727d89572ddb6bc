using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Spectre.Console;

namespace Evergrain.Silo.Commands;

/// <summary>What commands print: a table for people, or JSON.</summary>
internal static class Terminal
{
    // Rows stay whole, so that ids can be copied: a terminal wraps them, and a file holds them as they are.
    private const int WidthMax = 4_096;

    /// <summary>A table with a heading for each column.</summary>
    public static Table NewTable(params ReadOnlySpan<string> headings)
    {
        var table = new Table { Border = TableBorder.Simple };
        foreach (var heading in headings)
        {
            table.AddColumn(new TableColumn(new Text(heading)) { NoWrap = true });
        }

        return table;
    }

    /// <summary>Adds a row of texts, which are printed as they are.</summary>
    public static void Add(this Table table, params ReadOnlySpan<string?> cells)
    {
        var row = new List<Text>();
        foreach (var cell in cells)
        {
            row.Add(Cell(cell ?? "-"));
        }

        table.AddRow(row);
    }

    /// <summary>A cell of a table.</summary>
    public static Text Cell(string text, Color? color = null) =>
        color is { } given ? new Text(Safe(text), new Style(given)) : new Text(Safe(text));

    /// <summary>Prints a table.</summary>
    public static void Write(Table table)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Out) });
        console.Profile.Width = WidthMax;
        console.Write(table);
    }

    /// <summary>Prints JSON, on one line.</summary>
    public static void Write(JsonNode json) => Console.Out.WriteLine(json.ToJsonString());

    /// <summary>Prints JSON as it came.</summary>
    public static void Write(JsonElement json) => Console.Out.WriteLine(json.GetRawText());

    /// <summary>A text that somebody else wrote, on one line and without what would steer the terminal.</summary>
    public static string Safe(string text) => SafeLines(text.ReplaceLineEndings(" ").Replace('\t', ' '));

    /// <summary>The same, which keeps its lines.</summary>
    public static string SafeLines(string text)
    {
        if (!text.Any(IsSteering))
        {
            return text;
        }

        var safe = new StringBuilder(text.Length);
        foreach (var letter in text)
        {
            safe.Append(IsSteering(letter) ? '\uFFFD' : letter);
        }

        return safe.ToString();
    }

    /// <summary>A moment, from milliseconds since 1970.</summary>
    public static string? Moment(double? milliseconds) => milliseconds is { } since
        ? DateTimeOffset.FromUnixTimeMilliseconds((long)since)
            .ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture)
        : null;

    /// <summary>A number as people read it.</summary>
    public static string? Count(double? number) => number?.ToString("0.#", CultureInfo.InvariantCulture);

    private static bool IsSteering(char letter) => char.IsControl(letter) && letter is not ('\n' or '\t');
}
