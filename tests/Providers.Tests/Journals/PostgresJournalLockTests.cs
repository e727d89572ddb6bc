using Evergrain.Conversations.Ports;
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
            new PostgresJournalOptions { Url = Url, Schema = Server.NewSchema() }, isShared: false, Token);
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
        await using var held = await PostgresJournalLock.TakeAsync(options, isShared: false, Token);
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

    private Task<PostgresJournalLock> TakeAsync(bool isShared) => PostgresJournalLock.TakeAsync(
        new PostgresJournalOptions { Url = Url, Schema = Schema }, isShared, Token);

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
