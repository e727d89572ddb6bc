using Azure.Storage.Blobs.Models;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Azure;
using Evergrain.Tests.Services;
using Xunit.Abstractions;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>
/// A process dies, stands still or loses its connection at each request of what it does, with another process beside
/// it.
/// </summary>
[Trait("Needs", "Azurite")]
[Collection(AzuriteCollection.Name)]
public sealed class AzureStepTests(AzuriteServer server, ITestOutputHelper output) : AzureFixture(server)
{
    // One append more begins with a roll.
    private const int Full = LogTail.BlocksMax;

    // Enough for two rolls.
    private const int Many = 2 * Full;

    private RequestWatch _watch = null!;
    private AzureJournal _journal = null!;

    [Theory]
    [InlineData(0, Fate.KilledBefore, 4)]
    [InlineData(0, Fate.KilledBehind, 4)]
    [InlineData(1, Fate.KilledBehind, 1)]
    [InlineData(Full, Fate.KilledBefore, 6)]
    [InlineData(Full, Fate.KilledBehind, 6)]
    public async Task Append_KilledAtEachRequest_IsStoredWholeOrNotAtAll_AndAnotherGoesOn(
        int length, Fate fate, int requests)
    {
        var other = await OpenAsync();
        await EachRequestAsync(requests, fate, length, async (key, append, request) =>
        {
            await Assert.ThrowsAsync<ProcessKilledException>(() => append);
            var entries = await ReadAsync(other, key);
            Assert.InRange(entries.Count, length, request == requests && fate == Fate.KilledBehind
                ? length + 1
                : length);
            await AppendBehindAsync(other, key, entries.Count, Many);
            Assert.Contains(key.Id, await other.ListAsync(key.Tenant, after: null, 1_000, Token));
        });
    }

    [Theory]
    [InlineData(0, Fate.PausedBefore, 4)]
    [InlineData(0, Fate.PausedBehind, 4)]
    [InlineData(1, Fate.PausedBefore, 1)]
    [InlineData(Full, Fate.PausedBefore, 6)]
    [InlineData(Full, Fate.PausedBehind, 6)]
    public async Task Append_PausedAtEachRequest_WhileAnotherWrites_IsStoredOnlyIfItSaysSo(
        int length, Fate fate, int requests)
    {
        var other = await OpenAsync();
        await EachRequestAsync(requests, fate, length, async (key, append, _) =>
        {
            var before = await ReadAsync(other, key);
            await AppendBehindAsync(other, key, before.Count, Many);
            _watch.Resume();
            var isStored = await IsStoredAsync(append);

            var entries = await ReadAsync(other, key);
            Assert.Equal(before.Count + Many, entries.Count);
            Assert.Equal(isStored ? 7UL : 2UL, entries[length].Writer);
        });
    }

    [Theory]
    [InlineData(1, Fate.PausedBefore, 1)]
    [InlineData(Full, Fate.PausedBefore, 6)]
    [InlineData(Full, Fate.PausedBehind, 6)]
    public async Task Append_PausedAtEachRequest_WhileAnotherDeletes_LeavesNothingBehind(
        int length, Fate fate, int requests)
    {
        var other = await OpenAsync();
        await EachRequestAsync(requests, fate, length, async (key, append, request) =>
        {
            await other.DeleteAsync(key, await other.EndAsync(key, Token), Token);
            _watch.Resume();

            Assert.Equal(request == requests && fate == Fate.PausedBehind, await IsStoredAsync(append));
            Assert.Empty(await ReadAsync(other, key));
            Assert.Empty(await BlobsOfAsync(key));
        });
    }

    [Theory]
    [InlineData(0, Fate.RequestCut, 4)]
    [InlineData(0, Fate.AnswerCut, 4)]
    [InlineData(1, Fate.RequestCut, 1)]
    [InlineData(1, Fate.AnswerCut, 1)]
    [InlineData(Full, Fate.RequestCut, 6)]
    [InlineData(Full, Fate.AnswerCut, 6)]
    public async Task Append_CutAtEachRequest_IsStoredOnce(int length, Fate fate, int requests)
    {
        var other = await OpenAsync();
        await EachRequestAsync(requests, fate, length, async (key, append, request) =>
        {
            await append;
            Assert.Equal(length + 1, (await ReadAsync(other, key)).Count);
            Assert.Equal(request == requests && fate == Fate.AnswerCut ? 1 : 0, _journal.Counters.Resolved);
            await _journal.AppendAsync(key, new JournalEnd(length + 1, 7), 1, Bytes(1, 10), Token);
        });
    }

    [Theory]
    [InlineData(Fate.KilledBefore)]
    [InlineData(Fate.KilledBehind)]
    [InlineData(Fate.AnswerCut)]
    [InlineData(Fate.RequestCut)]
    public async Task Delete_BrokenAtEachRequest_TakesAllOrNothing_AndTheNextListLeavesNothing(Fate fate)
    {
        var isKilled = fate is Fate.KilledBefore or Fate.KilledBehind;
        var other = await OpenAsync();

        // Read, delete the tail, list the extents, delete both, take the rows out.
        for (var request = 1; request <= 6; request++)
        {
            var key = NewKey();
            await FillAsync(other, key, 0, Many + 1);
            await ArmAsync(request, fate);
            var delete = _journal.DeleteAsync(key, new JournalEnd(Many + 1, 1), Token).AsTask();
            if (isKilled)
            {
                await Assert.ThrowsAsync<ProcessKilledException>(() => delete);
            }
            else
            {
                await delete;
            }

            var isGone = !isKilled || request > 2 || (request == 2 && fate == Fate.KilledBehind);
            Assert.Equal(isGone ? 0 : Many + 1, (await ReadAsync(other, key)).Count);
            Assert.Equal(!isGone, (await other.ListAsync(key.Tenant, after: null, 100, Token)).Contains(key.Id));
            Assert.Equal(isGone, (await BlobsOfAsync(key)).Count == 0);
        }
    }

    // As after a failover to a copy of the storage that was behind: the extent was sealed in what is lost.
    [Fact]
    public async Task Roll_OverAnExtentOfALostCopy_SealsWhatTheTailHolds()
    {
        var (journal, key) = (await OpenAsync(), NewKey());
        await FillAsync(journal, key, 0, Full);
        var container = BlobContainer();
        BlobProperties tail = await container.GetBlobClient($"tail/default/{key.Id.Code}")
            .GetPropertiesAsync(cancellationToken: Token);
        var number = tail.Metadata["evergrain_number"].PadLeft(19, '0');
        await container.GetBlobClient($"extent/default/{key.Id.Code}/{number}/{new string('0', 19)}").UploadAsync(
            BinaryData.FromBytes(Bytes(1, 500)), new BlobUploadOptions { Metadata = tail.Metadata }, Token);

        await FillAsync(journal, key, Full, 1);

        var entries = await ReadAsync(journal, key);
        Assert.Equal(Full + 1, entries.Count);
        Assert.All(entries, entry => Assert.Equal(Bytes((int)entry.Position, 100), entry.Records.ToArray()));
    }

    private async Task ArmAsync(int request, Fate fate)
    {
        _watch = NewWatch();
        _journal = await OpenAsync(_watch);
        _watch.Arm(request, fate);
    }

    /// <summary>
    /// Begins, for each request of an append, one to a log of that length at which it breaks; then checks it. With the
    /// number of requests the test knows that it has met each.
    /// </summary>
    private async Task EachRequestAsync(
        int requests, Fate fate, int length, Func<ConversationKey, Task, int, Task> check)
    {
        for (var request = 1; request <= requests + 1; request++)
        {
            var key = NewKey();
            await ArmAsync(0, fate);
            await FillAsync(_journal, key, 0, length);
            _watch.Arm(request, fate);
            var end = length == 0 ? JournalEnd.None : new JournalEnd(length, 1);
            var append = _journal.AppendAsync(key, end, 7, Bytes(7, 100), Token).AsTask();
            var first = await Task.WhenAny(append, _watch.Met);
            output.WriteLine($"{fate} at request {request} of {requests}");
            if (request > requests)
            {
                await append;
                Assert.False(_watch.Met.IsCompleted);
                return;
            }

            Assert.True(first == _watch.Met || _watch.Met.IsCompleted);
            try
            {
                await check(key, append, request);
            }
            finally
            {
                _watch.Resume();
            }
        }
    }

    private async Task AppendBehindAsync(IJournal journal, ConversationKey key, int from, int count)
    {
        var end = await journal.EndAsync(key, Token);
        Assert.Equal(from, end.Position);
        for (var i = from; i < from + count; i++)
        {
            await journal.AppendAsync(key, end, 2, Bytes(i, 100), Token);
            end = new JournalEnd(i + 1, 2);
        }
    }

    private static async Task<bool> IsStoredAsync(Task append)
    {
        try
        {
            await append;
            return true;
        }
        catch (PositionTakenException)
        {
            return false;
        }
    }
}
