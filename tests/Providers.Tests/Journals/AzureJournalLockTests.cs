using Azure.Storage.Blobs.Specialized;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Azure;
using Evergrain.Providers.Journals;
using Evergrain.Tests.Services;
using Microsoft.Extensions.Time.Testing;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>Which process may have a journal in Azure, and what becomes of a lease that ran out.</summary>
[Trait("Needs", "Azurite")]
public sealed class AzureJournalLockTests(AzuriteServer server)
    : AzureFixture(server), IClassFixture<AzuriteServer>
{
    private static readonly TimeSpan LeaseTime = TimeSpan.FromSeconds(15);

    private readonly List<string> _waits = [];

    [Fact]
    public async Task Second_IsRefusedInOneSentence_UntilTheFirstIsGone()
    {
        await using (await TakeAsync())
        {
            Assert.Equal($"The journal in the container {Container} at http://127.0.0.1:{Server.BlobPort} is in use " +
                "by another process: stop it, or start both with --role both.", await RefusedAsync(JournalOwner.Alone));
        }

        await using var next = await TakeAsync();
    }

    [Fact]
    public async Task Next_AfterAProcessThatDied_WaitsForItsLeaseToRunOut()
    {
        await (await TakeAsync()).DisposeAsync();
        await Lease().AcquireAsync(LeaseTime, cancellationToken: Token);
        await using var next = await TakeAsync();
        Assert.False(next.Lost.IsCompleted);
        Assert.EndsWith("This one waits, 00:00:18 at most.", Assert.Single(_waits), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Lease_ThatIsGone_IsTakenAgain_AndHeld()
    {
        var retaken = new TaskCompletionSource();
        await using var held = await TakeAsync();
        held.Retaken = () => retaken.TrySetResult();
        await Lease().BreakAsync(TimeSpan.Zero, cancellationToken: Token);

        await retaken.Task.WaitAsync(Token);
        Assert.False(held.Lost.IsCompleted);
        await Assert.ThrowsAsync<global::Azure.RequestFailedException>(
            () => Lease().AcquireAsync(LeaseTime, cancellationToken: Token));
    }

    [Fact]
    public async Task Lease_ThatAnotherTook_IsLostInOneSentence()
    {
        await using var held = await TakeAsync();
        await Lease().BreakAsync(TimeSpan.Zero, cancellationToken: Token);
        await Lease().AcquireAsync(TimeSpan.FromSeconds(60), cancellationToken: Token);

        var lost = await Assert.ThrowsAsync<JournalUnavailableException>(() => held.Lost.WaitAsync(Token));
        Assert.Contains("is in use by another process: stop it", lost.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Storage_Away_IsWaitedFor()
    {
        await using var held = await AzureJournalLock.TakeAsync(new AzureJournalOptions
        {
            Account = AzuriteServer.ConnectionStringOver(Blobs.Port, Tables.Port),
            Container = Container,
            RetriesMax = 0,
        }, JournalOwner.Alone, waits: null, Token);
        Blobs.Sever();
        await Task.Delay(TimeSpan.FromSeconds(6), TimeProvider.System, Token);
        Assert.False(held.Lost.IsCompleted);
        Blobs.IsClosed = false;
        await Task.Delay(LeaseTime, TimeProvider.System, Token);
        await Assert.ThrowsAsync<global::Azure.RequestFailedException>(
            () => Lease().AcquireAsync(LeaseTime, cancellationToken: Token));
        Assert.False(held.Lost.IsCompleted);
    }

    [Fact]
    public async Task Cluster_SharesIt_AndNobodyElseGetsIn()
    {
        var cluster = JournalOwner.Cluster("evergrain", "evergrain");
        await using (await TakeAsync(cluster))
        await using (var second = await TakeAsync(cluster))
        {
            var refused = await Task.WhenAll(RefusedAsync(JournalOwner.Alone),
                RefusedAsync(JournalOwner.Cluster("green", "evergrain")));

            Assert.Contains("is in use by another process: stop it, or start both with --role both.", refused[0],
                StringComparison.Ordinal);
            Assert.Contains("is in use by another cluster or service (cluster evergrain, service evergrain), and " +
                "this process is of cluster green, service evergrain", refused[1], StringComparison.Ordinal);
            Assert.False(second.Lost.IsCompleted);
        }

        // The last one left it to run out.
        await Lease().BreakAsync(TimeSpan.Zero, cancellationToken: Token);
        await using var alone = await TakeAsync();
        var late = await RefusedAsync(cluster);
        Assert.Contains("is in use by a process that runs alone: stop that one", late, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cluster_OfWhichOneIsGone_HoldsIt()
    {
        var cluster = JournalOwner.Cluster("evergrain", "evergrain");
        await using var stays = await TakeAsync(cluster);
        await (await TakeAsync(cluster)).DisposeAsync();

        Assert.False(stays.Lost.IsCompleted);
        await Assert.ThrowsAsync<global::Azure.RequestFailedException>(
            () => Lease().AcquireAsync(LeaseTime, cancellationToken: Token));
    }

    [Fact]
    public async Task Cluster_WhoseOthersHeldItMeanwhile_TellsAProcessThatWasPaused()
    {
        var (time, told) = (new FakeTimeProvider(), new TaskCompletionSource());
        var cluster = JournalOwner.Cluster("evergrain", "evergrain");
        await using var others = await TakeAsync(cluster);
        await using var paused = await AzureJournalLock.TakeAsync(
            new AzureJournalOptions { Account = Server.ConnectionString, Container = Container, Time = time },
            cluster, waits: null, Token);
        paused.Retaken = told.SetResult;

        time.Advance(LeaseTime + TimeSpan.FromSeconds(1));

        await told.Task.WaitAsync(Token);
        Assert.False(paused.Lost.IsCompleted);
    }

    private async Task<string> RefusedAsync(JournalOwner owner) =>
        (await Assert.ThrowsAsync<JournalUnavailableException>(() => AzureJournalLock.TakeAsync(
            new AzureJournalOptions
            {
                Account = Server.ConnectionString, Container = Container, LeasePatience = TimeSpan.FromSeconds(1),
            },
            owner, _waits.Add, Token))).Message;

    private Task<AzureJournalLock> TakeAsync(JournalOwner? owner = null) => AzureJournalLock.TakeAsync(
        new AzureJournalOptions { Account = Server.ConnectionString, Container = Container },
        owner ?? JournalOwner.Alone, _waits.Add, Token);

    /// <summary>The lease as another process has it.</summary>
    private BlobLeaseClient Lease() => BlobContainer().GetBlobClient("lock").GetBlobLeaseClient();
}
