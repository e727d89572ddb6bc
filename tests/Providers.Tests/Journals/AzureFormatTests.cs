using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Providers.Azure;
using Evergrain.Providers.Journals;
using Evergrain.Tests.Services;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>Processes of a cluster on Azure Storage agree on the format of records.</summary>
[Trait("Needs", "Azurite")]
public sealed class AzureFormatTests(AzuriteServer server)
    : AzureFixture(server), IClassFixture<AzuriteServer>
{
    private const string Format = "evergrain_format";
    private const int Unknown = RecordFormat.Newest + 1;
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);

    [Theory]
    [InlineData(1, 2)]
    [InlineData(2, 3)]
    [InlineData(RecordFormat.Newest - 1, RecordFormat.Newest)]
    public async Task Format_WhileOneIsHeldBack_StaysTheOlder_AndRisesForAllOnceThatOneIsGone(int older, int newer)
    {
        var before = await JoinAsync(older);
        await using var held = await OpenAsync(older);
        await using var own = await JoinAsync(newer);
        await using var journal = await OpenAsync(newer);
        Assert.Equal((older, older), (held.Format, journal.Format));

        await before.DisposeAsync();
        await RunOutAsync(older);
        await UntilAsync(() => journal.Format == newer);

        // What is written is not taken back; who is held back writes the older one all the same.
        await using var late = await JoinAsync(older);
        await using var again = await OpenAsync(older);
        await using var last = await OpenAsync(newer);
        Assert.Equal((older, newer, older), (again.Format, last.Format, held.Format));
    }

    [Fact]
    public async Task Format_ManyJoinAtOnce_NeverPassesOneThatDoesNotAgree()
    {
        await (await OpenAsync(1)).DisposeAsync();
        for (var round = 0; round < 5; round++)
        {
            await WriteAsync(1);
            var both = Task.WhenAll(Enumerable.Range(0, 3).Select(_ => OpenAsync(2)));
            await using (await JoinAsync(1))
            {
                // As a process opens the journal once it has its lease.
                await using var own = await OpenAsync(1);
                var seen = await WrittenAsync();
                foreach (var journal in await both)
                {
                    await journal.DisposeAsync();
                }

                Assert.Equal(seen, await WrittenAsync());
            }

            await RunOutAsync(1);
        }
    }

    [Fact]
    public async Task Open_RecordsOfANewerFormat_IsRefusedWithBothFormats()
    {
        await (await OpenAsync(RecordFormat.Newest)).DisposeAsync();
        await WriteAsync(Unknown);

        var refused = await Assert.ThrowsAsync<JournalUnavailableException>(() => OpenAsync(2));

        Assert.Contains($"records of format {Unknown}", refused.Message, StringComparison.Ordinal);
        Assert.Contains($"up to {RecordFormat.Newest}", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Lease_ThatIsGoneWhileTheFormatRose_EndsAProcessThatCannotReadIt()
    {
        await using var joined = await JoinAsync(2);
        await (await OpenAsync(2)).DisposeAsync();
        await WriteAsync(Unknown);

        await RunOutAsync(2);

        var failure = await Assert.ThrowsAsync<JournalUnavailableException>(() => joined.Lost.WaitAsync(Token));
        Assert.Contains($"records of format {Unknown}", failure.Message, StringComparison.Ordinal);
    }

    private Task<AzureJournalLock> JoinAsync(int format) => AzureJournalLock.TakeAsync(
        Options(format), JournalOwner.Cluster("evergrain", "evergrain"), waits: null, Token);

    private Task<AzureJournal> OpenAsync(int format) => AzureJournal.OpenAsync(Options(format), Token);

    private AzureJournalOptions Options(int format) => new()
    {
        Account = Server.ConnectionString,
        Container = Container,
        Format = format,
        FormatInterval = TimeSpan.FromMilliseconds(50),
        IsShared = true,
    };

    /// <summary>Ends the lease of all that agree on a format, as if they had died long ago.</summary>
    private Task RunOutAsync(int format) => BlobContainer().GetBlobClient($"format/{format}").GetBlobLeaseClient()
        .BreakAsync(TimeSpan.Zero, cancellationToken: Token);

    private async Task<string> WrittenAsync() => (await PropertiesAsync()).Metadata[Format];

    private async Task WriteAsync(int format)
    {
        var metadata = (await PropertiesAsync()).Metadata;
        metadata[Format] = $"{format}";
        await BlobContainer().GetBlobClient("journal").SetMetadataAsync(metadata, cancellationToken: Token);
    }

    private async Task<BlobProperties> PropertiesAsync() =>
        await BlobContainer().GetBlobClient("journal").GetPropertiesAsync(cancellationToken: Token);

    private async Task UntilAsync(Func<bool> condition)
    {
        while (!condition())
        {
            await Task.Delay(Look, TimeProvider.System, Token);
        }
    }
}
