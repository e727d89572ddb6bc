using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Azure;
using Evergrain.Providers.Tests.Servers;
using Evergrain.Tests.Services;
using Xunit.Abstractions;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>The storage goes away, under load and not.</summary>
[Trait("Needs", "Azurite")]
[Collection(AzuriteCollection.Name)]
public sealed class AzureOutageTests(AzuriteServer server, ITestOutputHelper output) : AzureFixture(server)
{
    private const int Conversations = 16;

    private readonly CancellationTokenSource _enough = new();

    [Fact]
    public async Task Storage_Away_FailsClearly_AndGoesOnOnceItIsBack()
    {
        var journal = await OpenAsync(isCut: true, retries: 1);
        var key = NewKey();
        await FillAsync(journal, key, 0, 2);
        Blobs.Sever();

        var failure = await Assert.ThrowsAsync<JournalUnavailableException>(
            async () => await journal.AppendAsync(key, 2, 1, Bytes(2, 10), Token));

        Assert.EndsWith("Whether it was done is not known.", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("Eby8vdM02x", failure.ToString(), StringComparison.Ordinal);
        Assert.Equal(("Azure Storage cannot be reached.", 1L), (journal.Obstacle, journal.Counters.Failed));
        await Assert.ThrowsAsync<JournalUnavailableException>(() => ReadAsync(journal, key));

        Blobs.IsClosed = false;
        await UntilAsync(() => journal.Obstacle is null);
        await journal.AppendAsync(key, 2, 1, Bytes(2, 10), Token);
        Assert.Equal(3, (await ReadAsync(journal, key)).Count);
    }

    [Fact]
    public async Task Storage_SilentForLong_FailsClearly_AndGoesOn()
    {
        var journal = await OpenAsync(retries: 1, answerSeconds: 5);
        var key = NewKey();
        await FillAsync(journal, key, 0, 2);
        Server.Pause();
        try
        {
            await Assert.ThrowsAsync<JournalUnavailableException>(
                async () => await journal.AppendAsync(key, 2, 1, Bytes(2, 100), Token));
        }
        finally
        {
            Server.Resume();
        }

        // The requests that nobody waits for any more may be carried out: at most one of them is.
        await UntilAsync(() => journal.Obstacle is null);
        var stored = await ReadAsync(journal, key);
        Assert.InRange(stored.Count, 2, 3);
        await journal.AppendAsync(key, await journal.EndAsync(key, Token), 1, Bytes(4, 100), Token);
        Assert.InRange((await ReadAsync(journal, key)).Count, 3, 4);
    }

    [Fact]
    public async Task Storage_PausedCutAndRestartedUnderLoad_LosesAndDoublesNothing()
    {
        var journal = await OpenAsync(isCut: true, retries: 20);
        var writing = Enumerable.Range(0, Conversations).Select(_ => Task.Run(() => WriteAsync(journal, NewKey())))
            .ToList();
        for (var round = 1; round <= 2; round++)
        {
            await UntilAsync(() => journal.Counters.Appends > round * 1_000);
            Server.Pause();
            await Task.Delay(TimeSpan.FromSeconds(3), TimeProvider.System, Token);
            Server.Resume();
            await UntilAsync(() => journal.Counters.Appends > (round * 1_000) + 300);
            Blobs.Sever();
            await Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System, Token);
            Blobs.IsClosed = false;
            await UntilAsync(() => journal.Counters.Appends > (round * 1_000) + 600);
            await Server.StopAsync();
            await Server.StartAsync();
        }

        await UntilAsync(() => journal.Counters.Appends > 3_000);
        await _enough.CancelAsync();
        var acknowledged = await Task.WhenAll(writing);

        var reader = await OpenAsync();
        foreach (var (key, count) in acknowledged)
        {
            var entries = await ReadAsync(reader, key);
            Assert.Equal(count, entries.Count);
            Assert.All(entries, entry => Assert.Equal(Bytes((int)entry.Position, 100), entry.Records.ToArray()));
        }

        Assert.Equal(0, journal.Counters.Refused + journal.Counters.Failed);
        output.WriteLine($"[note] Azurite paused, cut and restarted under load: {journal.Counters}");
    }

    [Fact]
    public async Task Open_WhatCannotBe_SaysWhyInOneSentence()
    {
        foreach (var (account, said) in new[]
        {
            ("nonsense", "neither a connection string nor a URL"),
            (AzuriteServer.ConnectionStringOver(1, 1), "Nothing listens at"),
            (Server.ConnectionString.Replace("Eby8", "Fby8", StringComparison.Ordinal), "refuses this process"),
        })
        {
            var failure = await Assert.ThrowsAsync<JournalUnavailableException>(() => AzureJournal.OpenAsync(
                new AzureJournalOptions { Account = account, Container = Container, RetriesMax = 0 }, Token));
            Assert.Contains(said, failure.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', failure.Message);
            Assert.DoesNotContain("by8vdM02x", failure.ToString(), StringComparison.Ordinal);
        }
    }

    // Azurite keeps no versions; the words of the other warning are the same code.
    [Fact]
    public async Task Open_WhereBlobsAreDeletedSoftly_WarnsOnce()
    {
        var service = new BlobServiceClient(
            Server.ConnectionString, new BlobClientOptions(BlobClientOptions.ServiceVersion.V2023_11_03));
        BlobServiceProperties properties = await service.GetPropertiesAsync(Token);
        properties.DeleteRetentionPolicy = new BlobRetentionPolicy { Enabled = true, Days = 7 };
        await service.SetPropertiesAsync(properties, Token);
        try
        {
            Assert.Contains("for 7 days. Switch soft delete off.", Assert.Single(await WarningsAsync()),
                StringComparison.Ordinal);
        }
        finally
        {
            properties.DeleteRetentionPolicy = new BlobRetentionPolicy { Enabled = false };
            await service.SetPropertiesAsync(properties, Token);
        }

        Assert.Empty(await WarningsAsync());
    }

    private async Task<IReadOnlyList<string>> WarningsAsync()
    {
        var log = new LineLog();
        await using var journal = await AzureJournal.OpenAsync(new AzureJournalOptions
        {
            Account = Server.ConnectionString,
            Container = Container,
            Logger = log,
        }, Token);
        return [.. log.Lines.Where(static line => line.StartsWith("Warning", StringComparison.Ordinal))];
    }

    private async Task<(ConversationKey Key, int Count)> WriteAsync(AzureJournal journal, ConversationKey key)
    {
        var count = 0;
        while (!_enough.IsCancellationRequested)
        {
            await journal.AppendAsync(key, count, 1, Bytes(count, 100), Token);
            count++;
        }

        return (key, count);
    }

    private async Task UntilAsync(Func<bool> condition)
    {
        while (!condition())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, Token);
        }
    }
}
