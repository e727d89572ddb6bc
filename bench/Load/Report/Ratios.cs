using System.Globalization;

namespace Evergrain.Load.Report;

/// <summary>This build's figures beside another's, in pairs that were taken one after the other.</summary>
internal sealed class Ratios
{
    private readonly List<(double This, double Other)> _pairs = [];

    /// <summary>Adds a pair.</summary>
    public void Add(double own, double other) => _pairs.Add((own, other));

    /// <summary>The median of the ratios, with the ranks that hold it with 95 % between them.</summary>
    /// <remarks>The interval is distribution-free: the count of ratios below the median is binomial.</remarks>
    public (double Median, double Low, double High) Interval()
    {
        var ratios = _pairs.Select(static pair => pair.This / pair.Other).Order().ToArray();
        var half = 1.96 * Math.Sqrt(ratios.Length) / 2;
        var low = Math.Max(0, (int)Math.Floor((ratios.Length / 2.0) - half) - 1);
        var high = Math.Min(ratios.Length - 1, (int)Math.Ceiling((ratios.Length / 2.0) + half));
        return (Middle(ratios), ratios[low], ratios[high]);
    }

    /// <summary>A line: both medians, the ratio and its interval.</summary>
    public string Line(string what, string unit)
    {
        var (median, low, high) = Interval();
        return string.Create(CultureInfo.InvariantCulture,
            $"{what}: this {Middle(_pairs.Select(static pair => pair.This).Order()):0.####}{unit}, other " +
            $"{Middle(_pairs.Select(static pair => pair.Other).Order()):0.####}{unit}, ratio {median:0.000} " +
            $"({low:0.000} to {high:0.000}, {_pairs.Count} pairs)");
    }

    private static double Middle(IEnumerable<double> sorted)
    {
        var values = sorted.ToArray();
        return (values[(values.Length - 1) / 2] + values[values.Length / 2]) / 2;
    }
}
