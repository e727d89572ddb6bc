using Evergrain.Conversations.Ports;
using Evergrain.Providers.Journals;
using Evergrain.Providers.Postgres;
using Evergrain.Tests.Services;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>
/// Which processes may have one journal in PostgreSQL, and what becomes of a lock whose session broke.
/// </summary>
[Trait("Needs", "Postgres")]
[Collection(PostgresCollection.Name)]
public sealed class PostgresJournalLockTests(PostgresServer server) : PostgresFixture(server)
{
    [Fact]
    public async Task Alone_BesideAnyOther_IsRefusedInOneSentence_UntilThatIsGone()
    {
        foreach (var isShared in new[] { false, true })
        {
            await using (await TakeAsync(isShared))
            {
                var refused = await Assert.ThrowsAsync<JournalUnavailableException>(() => TakeAsync(isShared: false));
                Assert.Equal($"The journal in PostgreSQL at 127.0.0.1:{Server.Port} (database postgres, schema " +
                    $"{Schema}) is in use by another process: stop it, or start both with --role both.",
                    refused.Message);
            }
        }

        await using var alone = await TakeAsync(isShared: false);
    }

    [Fact]
    public async Task Shared_BesideShared_IsGranted_AndBesideAloneRefused()
    {
        await using (await TakeAsync(isShared: true))
        {
            await using var second = await TakeAsync(isShared: true);
        }

        await using var alone = await TakeAsync(isShared: false);
        var refused = await Assert.ThrowsAsync<JournalUnavailableException>(() => TakeAsync(isShared: true));
        Assert.Contains("runs alone", refused.Message, StringComparison.Ordinal);
        Assert.Contains("--role both", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Alone_OfAnotherSchema_IsGranted()
    {
        await using var one = await TakeAsync(isShared: false);
        await using var other = await PostgresJournalLock.TakeAsync(
            new PostgresJournalOptions { Url = Url, Schema = Server.NewSchema() }, JournalOwner.Alone, Token);
    }

    [Fact]
    public async Task Session_Broken_IsMadeAnew_AndHoldsTheLock()
    {
        await using var held = await TakeAsync(isShared: false);
        var before = await HolderAsync();

        await ExecuteAsync($"SELECT pg_terminate_backend({before})");

        await UntilAsync(async () => await HolderAsync() is { } after && after != before);
        Assert.False(held.Lost.IsCompleted);
        await Assert.ThrowsAsync<JournalUnavailableException>(() => TakeAsync(isShared: true));
    }

    [Fact]
    public async Task Session_BrokenWhileAnotherWaits_IsLostInOneSentence()
    {
        await using var held = await TakeAsync(isShared: false);
        var taking = TakeAsync(isShared: true);
        await UntilAsync(async () => await CountAsync("NOT granted") == 1);

        await ExecuteAsync($"SELECT pg_terminate_backend({await HolderAsync()})");

        await using var other = await taking;
        var lost = await Assert.ThrowsAsync<JournalUnavailableException>(() => held.Lost.WaitAsync(Token));
        Assert.EndsWith("stop it, or start both with --role both.", lost.Message, StringComparison.Ordinal);
        Assert.False(other.Lost.IsCompleted);
    }

    [Fact]
    public async Task Session_WhoseEndTheServerDidNotSee_IsEnded_AndTheLockIsTakenAgain()
    {
        await using var proxy = new CuttingProxy(Server.Port) { HidesEnds = true };
        var options = new PostgresJournalOptions
        {
            Url = UrlOver(proxy.Port), Schema = Schema,
        };
        await using var held = await PostgresJournalLock.TakeAsync(options, JournalOwner.Alone, Token);
        var before = await HolderAsync();

        proxy.Sever();
        proxy.IsClosed = false;

        await UntilAsync(async () => held.Lost.IsCompleted || (await HolderAsync() is { } after && after != before));
        Assert.False(held.Lost.IsCompleted);
        await Assert.ThrowsAsync<JournalUnavailableException>(() => TakeAsync(isShared: true));
    }

    [Fact]
    public async Task Server_KilledAndStarted_LockIsTakenAgain()
    {
        await using var held = await TakeAsync(isShared: true);
        await Server.KillAsync();
        await Server.StartAsync();

        await UntilAsync(async () => await HolderAsync() is not null);
        Assert.False(held.Lost.IsCompleted);
    }

    [Theory]
    [InlineData("green", "evergrain")]
    [InlineData("evergrain", "blue")]
    public async Task Shared_OfAnotherClusterOrService_IsRefusedInOneSentence_UntilTheFirstIsGone(
        string id, string service)
    {
        var other = JournalOwner.Cluster(id, service);
        await using (await TakeAsync(isShared: true))
        {
            var refused = await Assert.ThrowsAsync<JournalUnavailableException>(() => TakeAsync(other));
            Assert.Equal($"The journal in PostgreSQL at 127.0.0.1:{Server.Port} (database postgres, schema {Schema}) " +
                "is in use by another cluster or service (cluster evergrain, service evergrain), and this process is " +
                $"of cluster {id}, service {service}: give both the same Cluster:Id and Cluster:Service, or name " +
                "another schema.", refused.Message);
            await using var same = await TakeAsync(isShared: true);
        }

        await using var next = await TakeAsync(other);
        await Assert.ThrowsAsync<JournalUnavailableException>(() => TakeAsync(isShared: true));
    }

    [Fact]
    public async Task Shared_OfTwoClustersAtOnce_OneIsLetIn()
    {
        var taken = await Task.WhenAll(Enumerable.Range(0, 8).Select(async i =>
        {
            try
            {
                return await TakeAsync(JournalOwner.Cluster($"cluster{i % 2}", "evergrain"));
            }
            catch (JournalUnavailableException)
            {
                return null;
            }
        }));

        Assert.Equal(4, taken.Count(static held => held is not null));
        Assert.Single(taken.Index().Where(static held => held.Item is not null).Select(static held => held.Index % 2)
            .Distinct());
        foreach (var held in taken)
        {
            await (held?.DisposeAsync() ?? default);
        }
    }

    [Fact]
    public async Task Session_BrokenWhileAnotherClusterBegan_IsLostInOneSentence()
    {
        await using var proxy = new CuttingProxy(Server.Port);
        await using var held = await PostgresJournalLock.TakeAsync(
            new PostgresJournalOptions { Url = UrlOver(proxy.Port), Schema = Schema },
            JournalOwner.Cluster("evergrain", "evergrain"), Token);
        proxy.Sever();
        await UntilAsync(async () => await HolderAsync() is null);
        await using var other = await TakeAsync(JournalOwner.Cluster("green", "evergrain"));

        proxy.IsClosed = false;

        var lost = await Assert.ThrowsAsync<JournalUnavailableException>(() => held.Lost.WaitAsync(Token));
        Assert.Contains("(cluster green, service evergrain)", lost.Message, StringComparison.Ordinal);
    }

    private Task<PostgresJournalLock> TakeAsync(bool isShared) =>
        TakeAsync(isShared ? JournalOwner.Cluster("evergrain", "evergrain") : JournalOwner.Alone);

    private Task<PostgresJournalLock> TakeAsync(JournalOwner owner) => PostgresJournalLock.TakeAsync(
        new PostgresJournalOptions { Url = Url, Schema = Schema }, owner, Token);

    // The tests of one server run one after the other, so every lock is this test's.
    private async Task<int?> HolderAsync() => (int?)await ExecuteAsync(
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted LIMIT 1");

    private async Task<long> CountAsync(string condition) => (long)(await ExecuteAsync(
        $"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND {condition}"))!;

    private async Task UntilAsync(Func<Task<bool>> condition)
    {
        while (!await condition())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, Token);
        }
    }
}
