using System.Security.Cryptography;

namespace Evergrain.Conversations.Ports;

/// <summary>Where ids come from: cryptographic chance in production, a seed in tests.</summary>
public interface IIdSource
{
    /// <summary>128 bits that nobody can guess.</summary>
    UInt128 Next128();

    /// <summary>64 bits: an activation's or a lease's id.</summary>
    ulong Next64();
}

/// <summary>The id source of production: the system's cryptographic generator.</summary>
public sealed class RandomIdSource : IIdSource
{
    // One call of the system's generator costs some 3 µs, however few bytes it gives; a turn draws four times.
    private const int BlockBytes = 512;

    [ThreadStatic]
    private static byte[]? t_block;

    [ThreadStatic]
    private static int t_left;

    /// <inheritdoc/>
    public UInt128 Next128() => new(Next64(), Next64());

    /// <inheritdoc/>
    public ulong Next64()
    {
        var block = t_block ??= new byte[BlockBytes];
        if (t_left == 0)
        {
            RandomNumberGenerator.Fill(block);
            t_left = BlockBytes;
        }

        // What is drawn is removed, so that memory does not hold it twice.
        t_left -= sizeof(ulong);
        var drawn = block.AsSpan(t_left, sizeof(ulong));
        var value = BitConverter.ToUInt64(drawn);
        drawn.Clear();
        return value;
    }
}

/// <summary>The id source of tests: the same seed gives the same ids. SplitMix64; guessable by design.</summary>
/// <remarks>Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.</remarks>
public sealed class SeededIdSource(ulong seed) : IIdSource
{
    private ulong _state = seed;

    /// <inheritdoc/>
    public UInt128 Next128() => new(Next64(), Next64());

    /// <inheritdoc/>
    public ulong Next64()
    {
        _state += 0x9E3779B97F4A7C15;
        var z = _state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
