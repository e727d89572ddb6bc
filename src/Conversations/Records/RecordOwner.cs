using System.Buffers.Binary;
using System.Text;
using Evergrain.Conversations.Ids;

namespace Evergrain.Conversations.Records;

/// <summary>
/// The conversation that records belong to. From format 3 on a record's checksum covers it, so that records of one
/// conversation are damage in any other, whatever led there.
/// </summary>
internal readonly struct RecordOwner
{
    private readonly uint _begin;

    /// <summary>That of a conversation.</summary>
    public RecordOwner(ConversationKey key)
    {
        Span<byte> id = stackalloc byte[16];
        BinaryPrimitives.WriteUInt128LittleEndian(id, key.Id.Value);
        var begin = Crc32C.Append(Crc32C.Begin, id);
        begin = Crc32C.Append(begin, Encoding.UTF8.GetBytes(key.Tenant));
        _begin = Crc32C.Append(begin, [0]);
    }

    /// <summary>The checksum of a record's body, whose first byte is its format.</summary>
    public uint Checksum(ReadOnlySpan<byte> body) =>
        ~Crc32C.Append(body[0] < RecordFormat.FirstWithOwner ? Crc32C.Begin : _begin, body);
}
