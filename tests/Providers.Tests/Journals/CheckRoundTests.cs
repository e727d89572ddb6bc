using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Providers.Journals;
using Evergrain.Suites.Hosts;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>A round of the check over a store that a test holds in its hand.</summary>
public sealed class CheckRoundTests : IDisposable
{
    private const int FoundDamaged = 451;
    private readonly ErrorLog _log = new();
    private readonly HiddenConversations _hidden = new();
    private readonly CancellationTokenSource _timeout = new(TimeSpan.FromMinutes(5));

    public void Dispose()
    {
        _timeout.Dispose();
        _log.Dispose();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Run_WhereverItBegins_ReadsEveryLog(ulong seed)
    {
        var store = new HeldStore(count: 23);

        await RunAsync(store, new SeededIdSource(seed));

        Assert.Equal(23, store.Read.Distinct().Count());
        Assert.Empty(_log.Events);
    }

    [Fact]
    public async Task Run_ThousandsAreHidden_WritesAHundredLines_AndEachIsDamaged()
    {
        var store = new HeldStore(count: 3_000) { IsHidden = static number => number > 10 };

        await RunAsync(store);

        Assert.Equal(Enumerable.Repeat(FoundDamaged, 100), _log.Events);
        _hidden.Check(HeldStore.KeyOf(10));
        Assert.Throws<JournalCorruptException>(() => _hidden.Check(HeldStore.KeyOf(3_000)));
        Assert.DoesNotContain(HeldStore.KeyOf(3_000), store.Read);
    }

    [Fact]
    public async Task Run_AConversationIsFoundAgain_IsNotDamagedAnyMore()
    {
        var store = new HeldStore(count: 3) { IsHidden = static number => number == 2 };
        await RunAsync(store);
        store.IsHidden = static _ => false;

        await RunAsync(store);

        _hidden.Check(HeldStore.KeyOf(2));
    }

    [Fact]
    public async Task Run_StoreIsAwayForAWhile_WaitsAndGoesOn()
    {
        var time = new ManualTime();
        var store = new HeldStore(count: 3) { FailuresLeft = 4 };
        var running = new CheckRound(store, _hidden, Setup(new SeededIdSource(1)) with { Time = time })
            .RunAsync(_timeout.Token);

        while (!running.IsCompleted)
        {
            time.Advance(TimeSpan.FromSeconds(10));
            await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System, _timeout.Token);
        }

        await running;
        Assert.Equal(3, store.Read.Distinct().Count());
        Assert.Empty(_log.Events);
    }

    private JournalCheckSetup Setup(IIdSource chance) =>
        new(_log, Instruments: null) { BytesPerSecond = long.MaxValue, Chance = chance };

    private Task RunAsync(HeldStore store, IIdSource? chance = null) =>
        new CheckRound(store, _hidden, Setup(chance ?? new SeededIdSource(1))).RunAsync(_timeout.Token);

    /// <summary>Conversations with the numbers from 1 on, ten of them in each part of the table.</summary>
    private sealed class HeldStore(int count) : ICheckedJournal
    {
        private const int PartCount = 10;

        public List<ConversationKey> Read { get; } = [];

        public Func<int, bool> IsHidden { get; set; } = static _ => false;

        public int FailuresLeft { get; set; }

        public static ConversationKey KeyOf(int number) => new("default", new ConversationId((UInt128)number));

        public Task<RosterPage> ReadRosterAsync(long behind, CancellationToken cancellationToken)
        {
            Fail();
            var numbers = Enumerable.Range(1, count).Where(number => number > behind).Take(PartCount).ToList();
            return Task.FromResult(new RosterPage(
                [.. numbers.Select(number => new RosterEntry(KeyOf(number), IsHidden(number) ? "hidden" : null,
                    IsHidden(number)))],
                numbers.Count < PartCount ? null : numbers[^1]));
        }

        public async IAsyncEnumerable<JournalEntry> ReadAsync(ConversationKey key, JournalEnd from,
            [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
        {
            await Task.Yield();
            Fail();
            Read.Add(key);
            yield return new JournalEntry(0, 1,
                RecordFrames.Write([new InputHeld("\"text\""u8.ToArray())], new RecordOwner(key)));
        }

        private void Fail()
        {
            if (FailuresLeft-- > 0)
            {
                throw new JournalUnavailableException("The store is away.");
            }
        }
    }
}
