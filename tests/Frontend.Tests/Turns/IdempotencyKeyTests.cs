using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Evergrain.Frontend.Turns;

namespace Evergrain.Frontend.Tests.Turns;

/// <summary>The ids that an idempotency key fixes: they must never change, journals hold them.</summary>
public sealed class IdempotencyKeyTests
{
    [Fact]
    public void Derive_Key_IsTheHashOfTenantAndKey()
    {
        var create = """{"model":"demo","input":"one"}"""u8.ToArray();
        var hash = SHA256.HashData("acme\0order é 7"u8);

        var ids = IdempotencyKey.Derive("acme", "order é 7", create);

        Assert.Equal(BinaryPrimitives.ReadUInt128BigEndian(hash), ids.Conversation.Value);
        Assert.Equal(BinaryPrimitives.ReadUInt64BigEndian(hash.AsSpan(16)), (ulong)(ids.RequestId >> 64));
        Assert.Equal(BinaryPrimitives.ReadUInt64BigEndian(SHA256.HashData(create)), (ulong)ids.RequestId);
    }

    [Fact]
    public void Derive_KnownKey_GivesTheSameIdsForever()
    {
        var ids = IdempotencyKey.Derive("default", "a", "{}"u8);

        Assert.Equal("conv_5qKMM3xP0KE2YJlFgJwqqW", ids.Conversation.ToString());
        Assert.Equal("0b271736249b327a44136fa355b3678a", ids.RequestId.ToString("x32"));
    }

    [Fact]
    public void Derive_AnythingElse_GivesOtherIds()
    {
        var create = "{}"u8.ToArray();
        var ids = IdempotencyKey.Derive("a", "bc", create);

        Assert.NotEqual(ids.Conversation, IdempotencyKey.Derive("ab", "c", create).Conversation);
        Assert.NotEqual(ids.Conversation, IdempotencyKey.Derive("a", "b", create).Conversation);
        var other = IdempotencyKey.Derive("a", "bc", "{ }"u8);
        Assert.Equal((ids.Conversation, ids.RequestId >> 64), (other.Conversation, other.RequestId >> 64));
        Assert.NotEqual(ids.RequestId, other.RequestId);
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, true)]
    [InlineData(255, true)]
    [InlineData(256, false)]
    public void Check_Length_IsBounded(int length, bool isRight)
    {
        var key = new string('\uffff', length);

        Assert.Equal(isRight, IdempotencyKey.Check(key) is null);
        if (isRight)
        {
            IdempotencyKey.Derive(new string('t', 64), key, default);
        }
    }
}
