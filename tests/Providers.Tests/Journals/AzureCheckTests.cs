using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Records;
using Evergrain.Providers.Azure;
using Evergrain.Providers.Journals;
using Evergrain.Suites.Hosts;
using Evergrain.Tests.Services;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>What the check of the whole journal finds in Azure Storage.</summary>
[Trait("Needs", "Azurite")]
[Collection(AzuriteCollection.Name)]
public sealed class AzureCheckTests(AzuriteServer server) : AzureFixture(server)
{
    private const int FoundDamaged = 451;
    private const int TailBlocks = 4;
    private const int Length = TailBlocks + 2;
    private static readonly ConversationKey Alice = new("alice", new ConversationId(0xA1_0000_0000_0001));
    private static readonly ConversationKey Bob = new("bob", new ConversationId(0xB2_0000_0000_0002));
    private readonly ErrorLog _log = new();

    [Fact]
    public async Task Check_NothingIsDamaged_SaysNothing()
    {
        await FillAsync();
        await CheckAsync();
        Assert.Empty(_log.Events);
    }

    [Theory]
    [InlineData("extent/", "missing")]
    [InlineData("extent/", "overwritten")]
    [InlineData("extent/", "another's")]
    [InlineData("tail/", "overwritten")]
    public async Task Check_ABlobIsDamaged_NamesItsConversation(string prefix, string damage)
    {
        await FillAsync();
        var container = BlobContainer();
        var name = Assert.Single(await BlobsOfAsync(Bob), one => one.StartsWith(prefix, StringComparison.Ordinal));
        var blob = container.GetBlobClient(name);
        var metadata = (await blob.GetPropertiesAsync(cancellationToken: Token)).Value.Metadata;
        await blob.DeleteAsync(cancellationToken: Token);
        if (damage != "missing")
        {
            var theirs = Assert.Single(
                await BlobsOfAsync(Alice), one => one.StartsWith(prefix, StringComparison.Ordinal));
            var content = damage == "another's"
                ? (await container.GetBlobClient(theirs).DownloadContentAsync(Token)).Value.Content
                : BinaryData.FromBytes(Bytes(1, 200));
            await blob.UploadAsync(content, overwrite: true, Token);
            await blob.SetMetadataAsync(metadata, cancellationToken: Token);
        }

        await CheckAsync();

        Assert.Equal([FoundDamaged], _log.Events);
    }

    private async Task FillAsync()
    {
        var journal = await OpenAsync(tailBlocks: TailBlocks);
        foreach (var key in (ConversationKey[])[Alice, Bob])
        {
            for (var i = 0; i < Length; i++)
            {
                var records = RecordFrames.Write([new InputHeld("\"text\""u8.ToArray())], new RecordOwner(key));
                await journal.AppendAsync(key, i, 7, records, Token);
            }
        }
    }

    /// <summary>Ends with the first check.</summary>
    private async Task CheckAsync()
    {
        await using var journal = await AzureJournal.OpenAsync(new AzureJournalOptions
        {
            Account = Server.ConnectionString,
            Container = Container,
            Check = new JournalCheckSetup(_log, Instruments: null) { BytesPerSecond = long.MaxValue },
        }, Token);
        await journal.FirstCheck.WaitAsync(Token);
    }
}
