using System.Globalization;

namespace Evergrain.Load.Report;

/// <summary>What was to be reached, and what was.</summary>
internal sealed class Verdicts
{
    private readonly List<(string Line, bool IsReached)> _lines = [];

    /// <summary>A value that may be at most its target.</summary>
    public void AtMost(string what, double value, double target, string unit) => _lines.Add((
        string.Create(CultureInfo.InvariantCulture, $"{what}: {value:0.##}{unit}, target at most {target:0.##}{unit}"),
        value <= target));

    /// <summary>Something that must be so.</summary>
    public void Must(string what, bool isSo) => _lines.Add((what, isSo));

    /// <summary>Prints all; says whether all was reached.</summary>
    public bool Print()
    {
        foreach (var (line, isReached) in _lines)
        {
            Console.WriteLine($"{(isReached ? "PASS       " : "FALLS SHORT")}  {line}");
        }

        Console.WriteLine();
        return _lines.TrueForAll(line => line.IsReached);
    }
}
