namespace Evergrain.Load.Report;

/// <summary>The median of some values, with the ranks that hold it with 95 % between them.</summary>
/// <remarks>The interval is distribution-free: the count of values below the median is binomial.</remarks>
internal readonly record struct Spread(double Median, double Low, double High)
{
    public static Spread Of(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        var half = 1.96 * Math.Sqrt(sorted.Length) / 2;
        var low = Math.Max(0, (int)Math.Floor((sorted.Length / 2.0) - half) - 1);
        var high = Math.Min(sorted.Length - 1, (int)Math.Ceiling((sorted.Length / 2.0) + half));
        return new Spread(
            (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2, sorted[low], sorted[high]);
    }

    /// <summary>The median, and its interval in brackets.</summary>
    public override string ToString() => FormattableString.Invariant($"{Median:0.##} ({Low:0.##} to {High:0.##})");
}
