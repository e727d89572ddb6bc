using Evergrain.Conversations.Records;

namespace Evergrain.Conversations.Tests.Simulation;

/// <summary>
/// What happened in a run: a hash of all of it, and, where someone wants to read it, a line for each thing.
/// </summary>
internal sealed class Trace(bool isKept)
{
    /// <summary>Whether lines are kept: a caller that makes one asks first.</summary>
    public bool IsKept => isKept;

    public List<string> Lines { get; } = [];

    public ulong Hash { get; private set; } = 14695981039346656037;

    public void Mix(ulong value)
    {
        var mixed = (Hash ^ value) * 0x9E3779B97F4A7C15;
        Hash = mixed ^ (mixed >> 29);
    }

    public void Mix(ReadOnlySpan<byte> bytes) => Mix(((ulong)bytes.Length << 32) | Crc32C.Compute(bytes));

    public void Say(long now, string line) => Lines.Add($"{now / 1000}.{now % 1000:000} s  {line}");
}
