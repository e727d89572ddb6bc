using System.Buffers.Binary;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Providers.Postgres;
using Evergrain.Tests.Services;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>PostgreSQL believes its indexes; this journal compares what they lead to.</summary>
[Trait("Needs", "Postgres")]
[Collection(PostgresCollection.Name)]
public sealed class PostgresDamageTests(PostgresServer server) : PostgresFixture(server)
{
    // An entry of a B-tree: block (two parts of 16 bits), place in the block, size; then the tenant with its length.
    private const int HeaderBytes = 8;
    private const int PlaceAt = 4;

    [Fact]
    public async Task Read_IndexLeadsToAnotherTenantsConversation_IsDamage()
    {
        var (alice, bob) = (new ConversationKey("alice", new ConversationId(0xA1_0000_0000_0001)),
            new ConversationKey("bob", new ConversationId(0xB2_0000_0000_0002)));
        var journal = await OpenAsync(new PostgresJournalOptions { Url = UrlByIndex(), Schema = Schema });
        await journal.AppendAsync(alice, 0, 1, Bytes(1, 10), Token);
        await journal.AppendAsync(bob, 0, 7, Bytes(2, 10), Token);
        var file = (string)(await ExecuteAsync(
            "SELECT current_setting('data_directory') || '/' || pg_relation_filepath('conversations_pkey')"))!;
        await ExecuteAsync("CHECKPOINT");
        await Server.KillAsync();
        await LeadToFirstRowAsync(file, bob);
        await Server.StartAsync();

        await Assert.ThrowsAsync<JournalCorruptException>(() => ReadAsync(journal, bob));

        await Assert.ThrowsAsync<PositionTakenException>(
            async () => await journal.AppendAsync(bob, 1, 7, Bytes(3, 10), Token));
        Assert.Equal(Bytes(1, 10), Assert.Single(await ReadAsync(journal, alice)).Records.ToArray());
    }

    private async Task LeadToFirstRowAsync(string file, ConversationKey key)
    {
        var bytes = await File.ReadAllBytesAsync(file, Token);
        var id = new byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(id, key.Id.Value);
        var entry = bytes.AsSpan().IndexOf(id) - (1 + key.Tenant.Length) - HeaderBytes;
        Assert.True(entry > 0, "the index has the entry");
        Assert.Equal(2, BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(entry + PlaceAt)));
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(entry + PlaceAt), 1);
        await File.WriteAllBytesAsync(file, bytes, Token);
    }
}
