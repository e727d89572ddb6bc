namespace Evergrain.Providers.Journals;

/// <summary>Makes a check rest, so that it reads a bounded number of bytes a second. For one reader.</summary>
/// <param name="time">The clock.</param>
/// <param name="bytesPerSecond">Bytes read between two rests of a second.</param>
internal sealed class CheckPace(TimeProvider time, long bytesPerSecond)
{
    private long _owed;

    /// <summary>Bytes were read: rests where they are enough for a second.</summary>
    public async ValueTask SpendAsync(long bytes, CancellationToken cancellationToken)
    {
        _owed += bytes;
        if (_owed >= bytesPerSecond)
        {
            var rest = TimeSpan.FromSeconds((double)_owed / bytesPerSecond);
            _owed = 0;
            await Task.Delay(rest, time, cancellationToken);
        }
    }
}
