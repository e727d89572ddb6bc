using System.Globalization;

namespace Evergrain.Load.Report;

/// <summary>A small table in Markdown, as it goes into the documentation.</summary>
internal sealed class Table(params string[] head)
{
    private readonly List<string[]> _rows = [head];

    public void Row(string name, params double[] values) =>
        _rows.Add([name, .. values.Select(value => value.ToString(Format(value), CultureInfo.InvariantCulture))]);

    public void Print()
    {
        var widths = Enumerable.Range(0, head.Length).Select(column => _rows.Max(row => row[column].Length)).ToArray();
        for (var i = 0; i < _rows.Count; i++)
        {
            Console.WriteLine("| " + string.Join(" | ", _rows[i].Select((cell, column) => column == 0
                ? cell.PadRight(widths[column])
                : cell.PadLeft(widths[column]))) + " |");
            if (i == 0)
            {
                Console.WriteLine("|" + string.Join("|", widths.Select((width, column) => column == 0
                    ? new string('-', width + 2)
                    : new string('-', width + 1) + ":")) + "|");
            }
        }

        Console.WriteLine();
    }

    private static string Format(double value) => Math.Abs(value) >= 100 ? "#,0" : "0.##";
}
