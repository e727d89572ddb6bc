namespace Evergrain.Conversations.Recognition;

/// <summary>The first items of a create's input, which were read before in the same bytes.</summary>
public sealed class KnownPrefix
{
    internal KnownPrefix(byte[] rest, int start, HistoryEnd read, IReadOnlyList<UInt128> blocks) =>
        (Rest, Start, Read, Blocks) = (rest, start, read, blocks);

    /// <summary>The create without them. It is well-formed where the create is.</summary>
    public ReadOnlyMemory<byte> Rest { get; }

    /// <summary>Where they begin in the create.</summary>
    internal int Start { get; }

    /// <summary>How many there are, and the digest behind them.</summary>
    internal HistoryEnd Read { get; }

    /// <summary>The marks of their blocks: see <see cref="KnownInputs"/>.</summary>
    internal IReadOnlyList<UInt128> Blocks { get; }
}
