using System.Diagnostics.Metrics;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Lifetimes;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Recognition;
using Evergrain.Conversations.Records;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Evergrain.Suites.Hosts;

/// <summary>
/// Responses that are kept for ten minutes: less than an idle conversation stays warm. The sweep runs when a test says.
/// </summary>
public abstract class LifetimeContract : HostContract
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(10);
    private static readonly IMeterFactory Meters =
        new ServiceCollection().AddMetrics().BuildServiceProvider().GetRequiredService<IMeterFactory>();

    protected static readonly TimeSpan Half = TimeSpan.FromMinutes(6);
    protected static readonly TimeSpan LookPause = TimeSpan.FromMilliseconds(5);
    private readonly ResponseLifetimes _lifetimes = new();

    protected LifetimeContract(IContractHosts hosts)
        : base(hosts)
    {
        _lifetimes.Set(ResponseLifetimes.Others, Lifetime);
        Setup = new HostSetup
        {
            Lifetimes = _lifetimes,
            Recognition = new RecognitionOptions { Recognition = "stored" },
        };
    }

    protected sealed override HostSetup Setup { get; }

    private ILifetimeStore Store => (ILifetimeStore)Host.Store;

    [Theory]
    [InlineData("stay")]
    [InlineData("passivate")]
    [InlineData("restart")]
    public async Task Turn_OlderThanTheLifetime_IsNotFound_AndItsItemsStay(string how)
    {
        await BeginAsync();
        var old = await Client.TellAsync("one");
        Host.StandStill(Half);
        var young = await Client.TellAsync("two", old);
        await EndLifeAsync(how);
        Host.StandStill(Half);

        await AssertGoneAsync(old);
        var third = await Client.SayAsync("three", young);
        var call = await Model.CallAsync("three");
        Assert.Contains("one", call.Context, StringComparison.Ordinal);
        Assert.Equal(5, call.Call.Context.ItemCount);
        await call.AnswerAsync();
        await Client.ReadAsync(third);
        Assert.Equal(1, await SweepAsync() + await CountAsync(old.Conversation));
        Assert.Equal([old.Turn.Number], await DeletedAsync(old.Conversation));
        await AssertGoneAsync(old);
        Assert.Equal("completed", (await Client.GetAsync(third)).GetProperty("status").GetString());
    }

    [Fact]
    public async Task Sweep_WithManyToRemove_RemovesSomeAtOnce()
    {
        await BeginAsync();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Client.TellAsync("hello")));
        await Host.PassivateAsync();
        Host.StandStill(2 * Half);
        var (begun, met) = (0, new TaskCompletionSource());
        Host.Faults.OnDelete = () =>
        {
            _ = Interlocked.Increment(ref begun) == 2 && met.TrySetResult();
            return met.Task.WaitAsync(Waits.Patience);
        };

        Assert.Equal(4, await SweepAsync());
    }

    [Theory]
    [InlineData("stay")]
    [InlineData("passivate")]
    [InlineData("kill")]
    public async Task Conversation_WhoseLastTurnIsOld_IsRemoved_FromMemoryToo(string how)
    {
        await BeginAsync();
        var first = await Client.TellAsync("one");
        var last = await Client.TellAsync("two", first);
        var other = await Client.TellAsync("other");
        Host.StandStill(Half);
        var going = await Client.TellAsync("going on", other);
        await EndLifeAsync(how);
        Assert.Equal(0, await SweepAsync());
        Host.StandStill(Half);

        await AssertSweptAsync(1);
        await AssertErasedAsync(first.Conversation);
        await Host.Counts.WarmAsync(how == "stay" ? 1 : 0);
        await AssertGoneAsync(last);
        Assert.Equal([going.Conversation], await Client.ListAsync());
        Assert.Equal(0, await SweepAsync());
        Assert.Equal("completed", (await Client.GetAsync(going)).GetProperty("status").GetString());
        Assert.Equal(0, Host.Counts.Shortened);
    }

    [Fact]
    public async Task Conversation_WithARunningTurn_Stays_UntilThatTurnIsOld()
    {
        await BeginAsync();
        var first = await Client.TellAsync("one");
        var running = await Client.SayAsync("two", first);
        var call = await Model.CallAsync("two");
        await using var reader = Client.Open(running);
        await reader.NextAsync();
        Host.StandStill(2 * Lifetime);

        await SweepAsync();
        await AssertGoneAsync(first);
        await call.AnswerAsync();
        Assert.Equal("response.completed", ContractClient.TypeOf((await reader.ReadToEndAsync())[^1]));
        Assert.Equal("completed", (await Client.GetAsync(running)).GetProperty("status").GetString());
        Assert.Equal(0, await SweepAsync());
        Host.StandStill(Lifetime);
        await AssertSweptAsync(1);
        await AssertErasedAsync(first.Conversation);
    }

    [Fact]
    public async Task Lifetime_CountsFromTheFirstStartWithIt()
    {
        var old = await Client.TellAsync("one");
        Host.StandStill(3 * Lifetime);
        Assert.Equal(0, await SweepAsync());
        await BeginAsync();
        Host.StandStill(Half);
        Assert.Equal(0, await SweepAsync());
        await Client.GetAsync(old);
        Host.StandStill(Half);
        await AssertSweptAsync(1);
        await AssertGoneAsync(old);
    }

    [Fact]
    public async Task Tenant_WithARuleOfItsOwn_IsTreatedByIt()
    {
        _lifetimes.Set("kept", TimeSpan.Zero);
        await BeginAsync();
        var kept = await new ContractClient(Host, "kept", lease: 2).TellAsync("one");
        var gone = await Client.TellAsync("one");
        Host.StandStill(2 * Lifetime);
        await AssertSweptAsync(1);
        await new ContractClient(Host, "kept", lease: 2).GetAsync(kept);
        await AssertGoneAsync(gone);
    }

    // What a crash left open ends when its conversation is opened. If nobody opens it, it expires all the same.
    [Fact]
    public async Task Turn_ThatACrashLeftOpen_ExpiresWithItsConversation()
    {
        await BeginAsync();
        var id = await Client.SayAsync("one");
        await Model.CallAsync("one");
        await Host.KillAsync();
        Host.StandStill(Half);
        Assert.Equal(0, await SweepAsync());
        Host.StandStill(Half);
        await AssertSweptAsync(1);
        await AssertErasedAsync(id.Conversation);
    }

    // The log is read whole where its last append tells no time.
    [Fact]
    public async Task Conversation_WhoseLastRecordIsADeletion_CountsFromItsLastTurn()
    {
        await BeginAsync();
        var first = await Client.TellAsync("one");
        var second = await Client.TellAsync("two", first);
        await Client.DeleteAsync(second);
        await Host.PassivateAsync();
        Host.StandStill(Half);
        Assert.Equal(0, await SweepAsync());
        Host.StandStill(Half);
        await AssertSweptAsync(1);
        await AssertErasedAsync(first.Conversation);
    }

    [Fact]
    public async Task Sweep_OfSeveralPages_TakesAllThatAreOld_AndNoOther()
    {
        const int old = 150, young = 70;
        await BeginAsync();
        await Task.WhenAll(Enumerable.Range(0, old).Select(i => Client.TellAsync($"old {i}")));
        Host.StandStill(Half);
        var kept = await Task.WhenAll(Enumerable.Range(0, young).Select(i => Client.TellAsync($"young {i}")));
        await Host.PassivateAsync();
        Host.StandStill(Half);
        Assert.Equal(old, await SweepAsync());
        Assert.Equal(kept.Select(static id => id.Conversation).ToHashSet(), (await Client.ListAsync()).ToHashSet());
    }

    [Fact]
    public async Task Damaged_Conversation_HoldsUpNoOther()
    {
        await BeginAsync();
        var damaged = await Client.TellAsync("one");
        var other = await Client.TellAsync("two");
        await Host.PassivateAsync();
        await Host.CorruptAsync(Client.Key(damaged.Conversation));
        Host.StandStill(2 * Lifetime);
        await AssertSweptAsync(1);
        await AssertErasedAsync(other.Conversation);
        Assert.NotEmpty(await Host.ReadJournalAsync(Client.Key(damaged.Conversation)));
    }

    // Its last turn does not get older: until that would be over, nobody reads it again.
    [Fact]
    public async Task Conversation_ThatStays_IsReadOnceInALifetime_HoweverManySweepsCome()
    {
        await BeginAsync();
        var first = await Client.TellAsync("one");
        Host.StandStill(Half);
        await Client.TellAsync("two", first);
        await Host.PassivateAsync();
        Host.StandStill(Half);
        var ages = new CountedAges(Store);
        await using var sweep = new LifetimeSweep(SourcesOf(ages), _lifetimes, Meters, Host.Time,
            NullLogger<LifetimeSweep>.Instance);
        for (var i = 0; i < 4; i++)
        {
            Assert.Equal(0, await sweep.SweepAsync(CancellationToken.None).WaitAsync(Waits.Patience));
            Host.StandStill(TimeSpan.FromMinutes(1));
        }

        Assert.Equal(1, ages.Reads);
        Assert.Equal(1, await sweep.SweepAsync(CancellationToken.None).WaitAsync(Waits.Patience));
        Assert.Equal(2, ages.Reads);
        await AssertErasedAsync(first.Conversation);
    }

    [Theory]
    [InlineData("stay")]
    [InlineData("passivate")]
    public async Task Erase_TakesAllOfAConversation_AndOfNoOther(string how)
    {
        var first = await Client.TellAsync("one");
        var second = await Client.TellAsync("two", first);
        var other = await Client.TellAsync("other");
        await EndLifeAsync(how);
        await EraseAsync(first.Conversation);
        await AssertErasedAsync(first.Conversation);
        await AssertGoneAsync(second);
        await Client.GetAsync(other);
        await EraseAsync(first.Conversation);
    }

    [Fact]
    public async Task Erase_CancelsRunningTurns_AndUnstoredOnesGoToo()
    {
        var first = await Client.TellAsync("one");
        var unstored = await Client.TellAsync("unstored", first, store: false);
        var running = await Client.SayAsync("two", first);
        var call = await Model.CallAsync("two");
        await using (var reader = Client.Open(running))
        {
            await reader.NextAsync();
            var erasing = EraseAsync(first.Conversation);
            await call.Cancelled;
            Assert.Equal("response.incomplete", ContractClient.TypeOf((await reader.ReadToEndAsync())[^1]));
            await erasing;
        }

        await AssertErasedAsync(first.Conversation);
        await AssertGoneAsync(running);
        await AssertGoneAsync(unstored);
    }

    private Task EraseAsync(ConversationId id) =>
        Host.Conversations.EraseAsync(Client.Key(id), CancellationToken.None).AsTask().WaitAsync(Waits.Patience);

    /// <summary>A start with the setting.</summary>
    protected async Task BeginAsync() => _lifetimes.Use(await Store.KeepLifetimesAsync(
        _lifetimes.Rules, Host.Time.GetUtcNow(), CancellationToken.None));

    /// <summary>
    /// Sweeps until the journal has so many conversations less, and then once more, for nothing.
    /// </summary>
    /// <remarks>
    /// A warm conversation whose actor is busy is left to the next sweep. One that takes its turns away itself is
    /// counted by none, and goes a moment later.
    /// </remarks>
    private async Task AssertSweptAsync(int count)
    {
        using var patience = new CancellationTokenSource(Waits.Patience);
        var left = await CountAllAsync() - count;
        var swept = await SweepAsync();
        while (await CountAllAsync() > left)
        {
            await Task.Delay(LookPause, TimeProvider.System, patience.Token);
            swept += swept < count ? await SweepAsync() : 0;
        }

        Assert.InRange(swept, 0, count);
        Assert.Equal(0, await SweepAsync());
        Assert.Equal(left, await CountAllAsync());
    }

    private async Task<int> CountAllAsync()
    {
        var count = 0;
        foreach (var tenant in await Host.Store.ListTenantsAsync(10, CancellationToken.None))
        {
            count += (await Host.Store.ListAsync(tenant, after: null, 1_000, CancellationToken.None)).Count;
        }

        return count;
    }

    private async Task<long> SweepAsync()
    {
        await using var sweep = new LifetimeSweep(
            SourcesOf(Store), _lifetimes, Meters, Host.Time, NullLogger<LifetimeSweep>.Instance);
        return await sweep.SweepAsync(CancellationToken.None).WaitAsync(Waits.Patience);
    }

    private LifetimeSources SourcesOf(ILifetimeReader ages) =>
        new(Host.Faults, ages, Host.Warm with { IsSweeper = static () => false });

    private async Task EndLifeAsync(string how)
    {
        switch (how)
        {
            case "passivate":
                await Host.PassivateAsync();
                break;
            case "restart":
                await Host.RestartAsync();
                break;
            case "kill":
                await Host.KillAsync();
                break;
        }
    }

    private async Task AssertGoneAsync(ResponseId id)
    {
        Assert.Equal(RefusalKind.NotFound, (await ContractClient.RefusedAsync(() => Client.GetTextAsync(id))).Kind);
        Assert.Equal(RefusalKind.NotFound, (await ContractClient.RefusedAsync(() => Client.ReadAsync(id))).Kind);
        if (id.Turn.IsStored)
        {
            Assert.Equal(RefusalKind.PreviousResponseNotFound,
                (await ContractClient.RefusedAsync(() => Client.SayAsync("go on", id))).Kind);
        }
    }

    /// <summary>The journal goes a moment after the last reader.</summary>
    private async Task AssertErasedAsync(ConversationId id)
    {
        using var patience = new CancellationTokenSource(Waits.Patience);
        while (await CountAsync(id) > 0)
        {
            await Task.Delay(LookPause, TimeProvider.System, patience.Token);
        }
    }

    private async Task<int> CountAsync(ConversationId id) =>
        (await Host.ReadJournalAsync(Client.Key(id))).Count > 0 ? 1 : 0;

    private async Task<IReadOnlyList<int>> DeletedAsync(ConversationId id) =>
        [.. (await Host.ReadJournalAsync(Client.Key(id))).RecordsOf(Client.Key(id)).OfType<TurnDeleted>()
            .Select(static deleted => deleted.Turn)];

    /// <summary>Counts the conversations whose ends were read.</summary>
    private sealed class CountedAges(ILifetimeReader inner) : ILifetimeReader
    {
        public int Reads { get; private set; }

        public ValueTask<IReadOnlyList<string>> ListTenantsAsync(int limit, CancellationToken cancellationToken) =>
            inner.ListTenantsAsync(limit, cancellationToken);

        public ValueTask<IReadOnlyList<NumberedConversation>> ListOldestAsync(
            string tenant, long behind, int limit, CancellationToken cancellationToken) =>
            inner.ListOldestAsync(tenant, behind, limit, cancellationToken);

        public ValueTask<IReadOnlyList<AgedConversation>> ReadAgesAsync(
            IReadOnlyList<NumberedConversation> some, CancellationToken cancellationToken)
        {
            Reads += some.Count;
            return inner.ReadAgesAsync(some, cancellationToken);
        }

        public ValueTask<IReadOnlyList<KeptLifetime>> ReadLifetimesAsync(CancellationToken cancellationToken) =>
            inner.ReadLifetimesAsync(cancellationToken);
    }
}
