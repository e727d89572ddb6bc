namespace Evergrain.Load.Report;

/// <summary>Measured values of one thing, and their order statistics.</summary>
internal sealed class Samples
{
    private readonly List<double> _values = [];
    private bool _isSorted;

    public int Count => _values.Count;

    public double Median => At(0.5);

    public double P99 => At(0.99);

    public double Max => At(1);

    public void Add(double value)
    {
        _values.Add(value);
        _isSorted = false;
    }

    /// <summary>The value that a share of all values does not exceed.</summary>
    public double At(double share)
    {
        if (!_isSorted)
        {
            _values.Sort();
            _isSorted = true;
        }

        return _values.Count == 0 ? double.NaN : _values[(int)Math.Ceiling(share * _values.Count) is var n and > 0 ? n - 1 : 0];
    }
}
