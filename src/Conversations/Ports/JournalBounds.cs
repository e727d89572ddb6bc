namespace Evergrain.Conversations.Ports;

/// <summary>What every <see cref="IJournal"/> accepts, checked in one place.</summary>
public static class JournalBounds
{
    /// <summary>Bytes of one append, 64 MiB: four records of the largest size. Bounds memory.</summary>
    public const int AppendBytesMax = 64 << 20;

    /// <summary>Positions end here: no conversation comes near 2^31 appends.</summary>
    public const long PositionMax = int.MaxValue;

    /// <summary>
    /// Bytes of the end of a first append that a list gives: they hold the append's last record, which takes about a
    /// hundred.
    /// </summary>
    public const int FirstTailBytes = 1_024;

    /// <summary>
    /// Bytes of the end of a last append that a list gives: they hold the end of a turn of some thousand deltas.
    /// </summary>
    public const int LastTailBytes = 4_096;

    /// <summary>Refuses what no journal may be asked to store.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The position or the size is out of bounds.</exception>
    public static void CheckAppend(JournalEnd end, ReadOnlyMemory<byte> records)
    {
        CheckEnd(end);
        if (records.Length is 0 or > AppendBytesMax)
        {
            throw new ArgumentOutOfRangeException(nameof(records), records.Length,
                $"An append holds 1 to {AppendBytesMax} bytes.");
        }
    }

    /// <summary>Refuses an end that no log can have.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The position is negative or beyond the last one.</exception>
    public static void CheckEnd(JournalEnd end)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(end.Position, nameof(end));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(end.Position, PositionMax, nameof(end));
    }
}
