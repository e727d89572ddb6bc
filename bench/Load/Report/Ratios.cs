using System.Globalization;

namespace Evergrain.Load.Report;

/// <summary>This build's figures beside another's, in pairs that were taken one after the other.</summary>
internal sealed class Ratios
{
    private readonly List<(double This, double Other)> _pairs = [];

    /// <summary>Adds a pair.</summary>
    public void Add(double own, double other) => _pairs.Add((own, other));

    /// <summary>The median of the ratios.</summary>
    public Spread Interval() => Spread.Of(_pairs.Select(static pair => pair.This / pair.Other));

    /// <summary>A line: both medians, the ratio and its interval.</summary>
    public string Line(string what, string unit)
    {
        var (median, low, high) = Interval();
        return string.Create(CultureInfo.InvariantCulture,
            $"{what}: this {Spread.Of(_pairs.Select(static pair => pair.This)).Median:0.####}{unit}, other " +
            $"{Spread.Of(_pairs.Select(static pair => pair.Other)).Median:0.####}{unit}, ratio {median:0.000} " +
            $"({low:0.000} to {high:0.000}, {_pairs.Count} pairs)");
    }
}
