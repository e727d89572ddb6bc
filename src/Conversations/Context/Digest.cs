using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Evergrain.Conversations.Context;

/// <summary>A SHA-256 value, held inline: 32 bytes and no object.</summary>
[InlineArray(Size)]
public struct Digest : IEquatable<Digest>
{
    /// <summary>Bytes in a digest.</summary>
    public const int Size = 32;

    private byte _first;

    /// <summary>The digest whose bytes these are.</summary>
    public static Digest From(ReadOnlySpan<byte> bytes)
    {
        var digest = default(Digest);
        bytes[..Size].CopyTo(MemoryMarshal.CreateSpan(ref digest._first, Size));
        return digest;
    }

    /// <summary>Whether two digests are the same.</summary>
    public static bool operator ==(Digest left, Digest right) => left.Equals(right);

    /// <summary>Whether two digests differ.</summary>
    public static bool operator !=(Digest left, Digest right) => !left.Equals(right);

    /// <summary>The 32 bytes.</summary>
    [UnscopedRef]
    public readonly ReadOnlySpan<byte> AsSpan() =>
        MemoryMarshal.CreateReadOnlySpan(in _first, Size);

    /// <inheritdoc/>
    public readonly bool Equals(Digest other) => AsSpan().SequenceEqual(other.AsSpan());

    /// <inheritdoc/>
    public override readonly bool Equals(object? obj) => obj is Digest other && Equals(other);

    /// <inheritdoc/>
    public override readonly int GetHashCode() => MemoryMarshal.Read<int>(AsSpan());

    /// <summary>64 lower-case hexadecimal characters.</summary>
    public override readonly string ToString() => Convert.ToHexStringLower(AsSpan());
}
