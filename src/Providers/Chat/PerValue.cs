using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Evergrain.Providers.Chat;

/// <summary>
/// What was made of a parameter's value. A conversation holds each distinct value once and never changes it, so its
/// array stands for its content: 18 KB of tools are converted once, not with each turn. Entries go when their array
/// does.
/// </summary>
/// <param name="make">Makes it.</param>
internal sealed class PerValue<T>(Func<ReadOnlyMemory<byte>, T> make)
    where T : class
{
    private readonly ConditionalWeakTable<byte[], Made> _made = [];

    /// <summary>What is made of a value, whose bytes never change.</summary>
    public T Of(ReadOnlyMemory<byte> json)
    {
        if (!MemoryMarshal.TryGetArray(json, out var place) || place.Array is null)
        {
            return make(json);
        }

        if (_made.TryGetValue(place.Array, out var known) && known.Place == place)
        {
            return known.Value;
        }

        var value = make(json);
        _made.AddOrUpdate(place.Array, new Made(place, value));
        return value;
    }

    // Holding the key from the value is allowed: the table lets go of both together.
    private sealed record Made(ArraySegment<byte> Place, T Value);
}
