using System.Buffers.Binary;
using Evergrain.Conversations.Ids;

namespace Evergrain.Providers.Postgres;

/// <summary>A conversation's id as PostgreSQL's uuid: the same 128 bits, most significant first.</summary>
internal static class ConversationUuids
{
    public static Guid ToGuid(this ConversationId id)
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, id.Value);
        return new Guid(bytes, bigEndian: true);
    }

    public static ConversationId ToConversationId(this Guid guid)
    {
        Span<byte> bytes = stackalloc byte[16];
        _ = guid.TryWriteBytes(bytes, bigEndian: true, out _);
        return new ConversationId(BinaryPrimitives.ReadUInt128BigEndian(bytes));
    }
}
