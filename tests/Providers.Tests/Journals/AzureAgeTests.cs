using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Azure;
using Evergrain.Tests.Services;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>What a sweep costs in Azure Storage, and what it leaves there, wherever its process dies.</summary>
[Trait("Needs", "Azurite")]
[Collection(AzuriteCollection.Name)]
public sealed class AzureAgeTests(AzuriteServer server) : AzureFixture(server)
{
    private const int TailBlocks = 4;
    private const int Sealed = (3 * TailBlocks) + 1;

    // However long the logs are.
    [Fact]
    public async Task Ages_OfManyConversations_AreARequestEach_AndTheirListIsOneForAPage()
    {
        const int count = 100, page = 64;
        var other = await OpenAsync(tailBlocks: TailBlocks);
        var begun = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        var keys = Enumerable.Range(0, count).Select(_ => NewKey()).ToList();
        for (var i = 0; i < count; i++)
        {
            await FillAsync(other, keys[i], 0, i == 0 ? Sealed : 1);
        }

        var watch = NewWatch();
        var journal = await OpenAsync(watch, tailBlocks: TailBlocks);
        watch.Arm();
        var first = await journal.ListOldestAsync("default", behind: 0, page, Token);
        var rest = await journal.ListOldestAsync("default", first[^1].Number, page, Token);
        Assert.Equal(2, watch.Count);
        Assert.Equal(keys, first.Concat(rest).Select(static one => one.Key));
        Assert.All(first, one => Assert.InRange(
            one.BegunAt!.Value, begun, TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds()));
        watch.Arm();
        var ages = await journal.ReadAgesAsync(first, Token);
        Assert.Equal(page, watch.Count);
        Assert.Equal(keys.Take(page), ages.Select(static aged => aged.Key));
        Assert.Equal(new JournalEnd(Sealed, 1), ages[0].End);
        Assert.Equal(Bytes(Sealed - 1, 100), ages[0].LastTail.ToArray());
    }

    // A tail that was sealed, behind which nothing was appended: its process died.
    [Fact]
    public async Task Age_OfALogThatEndsInAnExtent_IsThatOfTheExtent()
    {
        var key = NewKey();
        var watch = NewWatch();
        var journal = await OpenAsync(watch, tailBlocks: TailBlocks);
        await FillAsync(journal, key, 0, TailBlocks);
        watch.Arm(6, Fate.KilledBefore);
        await Assert.ThrowsAsync<ProcessKilledException>(
            () => journal.AppendAsync(key, TailBlocks, 1, Bytes(9, 10), Token).AsTask());
        var other = await OpenAsync();
        var aged = Assert.Single(await AgesAsync(other));
        Assert.Equal(new JournalEnd(TailBlocks, 1), aged.End);
        Assert.Equal(Bytes(TailBlocks - 1, 100), aged.LastTail.ToArray());
    }

    [Fact]
    public async Task Deleted_Conversation_HasNoBlobAndNoSnapshot()
    {
        var key = NewKey();
        var journal = await OpenAsync(tailBlocks: TailBlocks);
        await FillAsync(journal, key, 0, Sealed);
        foreach (var name in await BlobsOfAsync(key))
        {
            await BlobContainer().GetBlobClient(name).CreateSnapshotAsync(cancellationToken: Token);
        }

        Assert.Equal(8, (await BlobsOfAsync(key)).Count);
        await journal.DeleteAsync(key, new JournalEnd(Sealed, 1), Token);
        Assert.Empty(await BlobsOfAsync(key));
        Assert.Empty(await journal.ListOldestAsync("default", 0, 10, Token));
    }

    // Read, delete the tail, list the extents, delete three, take the rows out.
    [Theory]
    [InlineData(Fate.KilledBefore)]
    [InlineData(Fate.KilledBehind)]
    public async Task Removal_KilledAtEachRequest_TakesAllOrNothing_AndTheNextSweepLeavesNothing(Fate fate)
    {
        const int requests = 7;
        var other = await OpenAsync(tailBlocks: TailBlocks);
        for (var request = 1; request <= requests; request++)
        {
            var key = NewKey();
            await FillAsync(other, key, 0, Sealed);
            var watch = NewWatch();
            var journal = await OpenAsync(watch, tailBlocks: TailBlocks);
            watch.Arm(request, fate);
            await Assert.ThrowsAsync<ProcessKilledException>(
                () => journal.DeleteAsync(key, new JournalEnd(Sealed, 1), Token).AsTask());

            var isGone = request > 2 || (request == 2 && fate == Fate.KilledBehind);
            var before = await BlobsOfAsync(key);
            var reader = await AzureLifetimeReader.OpenAsync(OptionsOf(), Token);
            var seen = await reader!.ReadAgesAsync(await reader.ListOldestAsync("default", 0, 10, Token), Token);
            Assert.Equal(isGone ? 0 : 1, seen.Count);
            Assert.Equal(before, await BlobsOfAsync(key));

            var ages = await AgesAsync(other);
            Assert.Equal(isGone ? 0 : 1, ages.Count);
            Assert.Equal(isGone ? 0 : Sealed, (await ReadAsync(other, key)).Count);
            if (!isGone)
            {
                await other.DeleteAsync(key, ages[0].End, Token);
            }

            Assert.Empty(await BlobsOfAsync(key));
            Assert.Empty(await other.ListOldestAsync("default", 0, 10, Token));
        }
    }

    // A copy comes with conversations whose lifetime counts from the first start at the target.
    [Fact]
    public async Task Copy_IntoAnEmptyJournal_ForgetsItsLifetimes()
    {
        await using (var empty = await AzureJournal.OpenAsync(OptionsOf(), Token))
        {
            await empty.KeepLifetimesAsync(
                [new LifetimeRule("*", TimeSpan.FromDays(1))], DateTimeOffset.UnixEpoch, Token);
            Assert.Single(await empty.ReadLifetimesAsync(Token));
        }

        var target = OptionsOf();
        target.IsCopyTarget = true;
        await using var journal = await AzureJournal.OpenAsync(target, Token);
        Assert.Empty(await journal.ReadLifetimesAsync(Token));
    }

    [Fact]
    public async Task Reader_OfNoJournal_FindsNone()
    {
        Assert.Null(await AzureLifetimeReader.OpenAsync(OptionsOf(), Token));
        var journal = await OpenAsync();
        var key = new ConversationKey("another", new ConversationId(5));
        await FillAsync(journal, NewKey(), 0, 1);
        await FillAsync(journal, key, 0, 1);
        var reader = await AzureLifetimeReader.OpenAsync(OptionsOf(), Token);
        Assert.Equal(["another", "default"], await reader!.ListTenantsAsync(10, Token));
        Assert.Equal(["another"], await reader.ListTenantsAsync(1, Token));
    }

    private AzureJournalOptions OptionsOf() => new() { Account = Server.ConnectionString, Container = Container };

    private async Task<IReadOnlyList<AgedConversation>> AgesAsync(AzureJournal journal) =>
        await journal.ReadAgesAsync(await journal.ListOldestAsync("default", behind: 0, limit: 10, Token), Token);
}
