using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Security.Cryptography;
using Evergrain.Conversations;
using Evergrain.Conversations.Ids;

namespace Evergrain.Providers.Chat;

/// <summary>
/// The ids of one answer's calls: the server's own where they can be told from all others, else ours, which follow from
/// the conversation and the place in it.
/// </summary>
/// <param name="affinity">Names the conversation.</param>
/// <param name="position">Items before the answer.</param>
/// <param name="taken">Ids that calls before it have.</param>
internal sealed class CallIds(UInt128 affinity, int position, ImmutableHashSet<string> taken)
{
    private readonly HashSet<string> _given = new(StringComparer.Ordinal);

    /// <summary>The id of the next call.</summary>
    /// <param name="proposed">What the server calls it, if it does.</param>
    public string Next(string? proposed)
    {
        var isUsable = proposed is { Length: > 0 and <= Limits.CallIdCharsMax } &&
            !taken.Contains(proposed) && !_given.Contains(proposed);
        var id = isUsable ? proposed! : Own(_given.Count);
        _given.Add(id);
        return id;
    }

    private string Own(int index)
    {
        Span<byte> place = stackalloc byte[24];
        BinaryPrimitives.WriteUInt128BigEndian(place, affinity);
        BinaryPrimitives.WriteInt32BigEndian(place[16..], position);
        BinaryPrimitives.WriteInt32BigEndian(place[20..], index);
        return "call_" + Base62.Format(BinaryPrimitives.ReadUInt128BigEndian(SHA256.HashData(place)));
    }
}
