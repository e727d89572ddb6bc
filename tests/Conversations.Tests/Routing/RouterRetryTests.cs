using Evergrain.Conversations.Context;
using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Routing;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Tests.Routing;

/// <summary>What a router asks again, and where that stops.</summary>
public sealed class RouterRetryTests
{
    private static readonly Refusal NotWritten = new(RefusalKind.Unavailable, "It cannot be written.");
    private static readonly ConversationId Conversation = new(7);
    private static readonly TurnAddress Stored = new("tenant", new ResponseId(Conversation, TurnId.Stored(1)));
    private static readonly TurnAddress Unstored = new("tenant", new ResponseId(Conversation, TurnId.Unstored(9)));
    private static readonly StartTurn Start = new()
    {
        Key = Stored.Key,
        RequestId = 3,
        Lease = default,
        Create = "{}"u8.ToArray(),
    };

    private readonly InstantTime _time = new();
    private readonly ScriptedCalls _calls = new();

    [Fact]
    public async Task StartTurn_JournalFailsForAWhile_IsRetriedWithTheSameRequest()
    {
        var failures = 3;
        _calls.OnStart = () => failures-- > 0
            ? Answer.AskAgain<StartedTurn>(NotWritten)
            : Answer.Given(new StartedTurn(Stored.Response.Turn));

        Assert.Equal(Stored.Response, await Router().StartTurnAsync(Start, default));
        Assert.Equal(4, _calls.Starts.Count);
        Assert.All(_calls.Starts, start => Assert.Same(Start, start));
        Assert.InRange(_time.Elapsed, TimeSpan.FromMilliseconds(175), TimeSpan.FromMilliseconds(350));
    }

    [Fact]
    public async Task StartTurn_JournalStaysAway_EndsWithItsRefusalAfterFourTries()
    {
        _calls.OnStart = static () => Answer.AskAgain<StartedTurn>(NotWritten);

        Assert.Same(NotWritten, await RefusedAsync(() => Router().StartTurnAsync(Start, default).AsTask()));
        Assert.Equal(4, _calls.Starts.Count);
    }

    [Fact]
    public async Task StartTurn_JournalTookLongToFail_IsNotRetried()
    {
        _calls.OnStart = () =>
        {
            _time.Skip(TimeSpan.FromSeconds(5));
            return Answer.AskAgain<StartedTurn>(NotWritten);
        };

        Assert.Same(NotWritten, await RefusedAsync(() => Router().StartTurnAsync(Start, default).AsTask()));
        Assert.Single(_calls.Starts);
    }

    [Fact]
    public async Task StartTurn_ActivationEndsOnce_IsRetriedAtOnce()
    {
        _calls.OnStart = () => _calls.Starts.Count == 1
            ? Answer.AskAgain<StartedTurn>()
            : Answer.Given(new StartedTurn(Stored.Response.Turn));

        await Router().StartTurnAsync(Start, default);
        Assert.Equal(TimeSpan.Zero, _time.Elapsed);
    }

    [Fact]
    public async Task StartTurn_ActivationsEndAgainAndAgain_IsRefusedAfterRetryTime()
    {
        _calls.OnStart = static () => Answer.AskAgain<StartedTurn>();

        var refusal = await RefusedAsync(() => Router().StartTurnAsync(Start, default).AsTask());
        Assert.Equal(RefusalKind.Unavailable, refusal.Kind);
        Assert.InRange(_time.Elapsed, TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(5.5));
    }

    [Theory]
    [InlineData(RefusalKind.Unavailable)]
    [InlineData(RefusalKind.Internal)]
    [InlineData(RefusalKind.InvalidRequest)]
    public async Task StartTurn_Refused_IsNotRetried(RefusalKind kind)
    {
        _calls.OnStart = () => Answer.Refused<StartedTurn>(new Refusal(kind, "No."));

        Assert.Equal(kind, (await RefusedAsync(() => Router().StartTurnAsync(Start, default).AsTask())).Kind);
        Assert.Single(_calls.Starts);
    }

    [Fact]
    public async Task Read_JournalFailsAmidTheEvents_GoesOnFromTheNextNumber()
    {
        _calls.OnRead = from => from == 0
            ? [Answer.Given(Batch(0, isLast: false)), Answer.AskAgain<EventBatch>(NotWritten)]
            : [Answer.Given(Batch(from, isLast: true))];

        var read = await Router().ReadEventsAsync(Stored, 0, default).ToListAsync();
        Assert.Equal([0, 2], read.Select(static batch => batch.From));
        Assert.Equal([0, 2], _calls.Reads);
    }

    [Fact]
    public async Task Read_JournalFailsAfterALongSilenceOfTheModel_GoesOn()
    {
        _calls.OnRead = from =>
        {
            if (_calls.Reads.Count > 1)
            {
                return [Answer.Given(Batch(from, isLast: true))];
            }

            _time.Skip(TimeSpan.FromMinutes(1));
            return [Answer.AskAgain<EventBatch>(NotWritten)];
        };

        Assert.Single(await Router().ReadEventsAsync(Stored, 0, default).ToListAsync());
        Assert.Equal([0, 0], _calls.Reads);
    }

    [Fact]
    public async Task Read_UnstoredTurnLost_SaysThatItIsLost()
    {
        _calls.OnRead = from => from == 0
            ? [Answer.Given(Batch(0, isLast: false)), Answer.AskAgain<EventBatch>()]
            : [Answer.Refused<EventBatch>(new Refusal(RefusalKind.NotFound, "Not found."))];

        var refusal = await RefusedAsync(async () =>
            await Router().ReadEventsAsync(Unstored, 0, default).ToListAsync());
        Assert.Equal(RefusalKind.Unavailable, refusal.Kind);
        Assert.Contains("is lost", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Delete_JournalFailedAfterTheWrite_NotFoundMeansDeleted()
    {
        var tries = 0;
        _calls.OnDelete = () => ++tries == 1
            ? Answer.AskAgain<bool>(NotWritten)
            : Answer.Refused<bool>(new Refusal(RefusalKind.NotFound, "Not found."));

        await Router().DeleteAsync(Stored, default);
        Assert.Equal(2, tries);
    }

    [Fact]
    public async Task StartTurn_TooLargeWithTheItemsItRefersTo_IsRefused()
    {
        ForeignItem[] items = [.. Enumerable.Range(0, 2).Select(i => new ForeignItem($"msg_{i}", Stored.Response, i))];
        _calls.OnStart = () => Answer.Given(new StartedTurn(Stored.Response.Turn, items));
        _calls.Item = new byte[10 << 20];
        var start = Start with { Create = new byte[60 << 20] };

        var refusal = await RefusedAsync(() => Router().StartTurnAsync(start, default).AsTask());
        Assert.Equal((RefusalKind.TooLarge, "input"), (refusal.Kind, refusal.Param));
        Assert.Single(_calls.Starts);
    }

    private static EventBatch Batch(int from, bool isLast) =>
        new(from, [new ReadOnlyMemory<byte>([1]), new ReadOnlyMemory<byte>([2])], isLast);

    private static async Task<Refusal> RefusedAsync(Func<Task> ask) =>
        (await Assert.ThrowsAsync<ConversationException>(ask)).Refusal;

    private ConversationRouter Router() => new(_ => _calls, _ => _calls, new InMemoryJournal(), new RandomIdSource(),
        new RetryBounds(_time, TimeSpan.FromSeconds(5), static _ => false))
    {
        Roster = static (_, _) => throw new NotSupportedException(),
    };

    /// <summary>A clock on which every timer is due as soon as it is set.</summary>
    private sealed class InstantTime : TimeProvider
    {
        private long _ticks;

        public TimeSpan Elapsed => new(Interlocked.Read(ref _ticks));

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Interlocked.Read(ref _ticks);

        public void Skip(TimeSpan time) => Interlocked.Add(ref _ticks, time.Ticks);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Skip(dueTime);
            ThreadPool.UnsafeQueueUserWorkItem(_ => callback(state), null);
            return new Due();
        }

        private sealed class Due : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period) => true;

            public void Dispose()
            {
            }

            public ValueTask DisposeAsync() => default;
        }
    }

    /// <summary>A conversation that answers what a test says.</summary>
    private sealed class ScriptedCalls : IConversationCalls
    {
        public List<StartTurn> Starts { get; } = [];

        public List<int> Reads { get; } = [];

        public Func<Answer<StartedTurn>> OnStart { get; set; } = static () => throw new NotSupportedException();

        public Func<int, Answer<EventBatch>[]> OnRead { get; set; } = static _ => throw new NotSupportedException();

        public Func<Answer<bool>> OnDelete { get; set; } = static () => throw new NotSupportedException();

        public ReadOnlyMemory<byte> Item { get; set; }

        public Task<Answer<StartedTurn>> StartTurnAsync(StartTurn start, CancellationToken cancellationToken)
        {
            Starts.Add(start);
            return Task.FromResult(OnStart());
        }

        public IAsyncEnumerable<Answer<EventBatch>> ReadEventsAsync(
            TurnAddress turn, int from, ulong reader, CancellationToken cancellationToken)
        {
            Reads.Add(from);
            return OnRead(from).ToAsyncEnumerable();
        }

        public Task<Answer<HistoryMatch>> MatchAsync(TurnAddress turn, HistoryQuestion question,
            CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task StopReadingAsync(ulong reader) => Task.CompletedTask;

        public Task<Answer<ReadOnlyMemory<byte>>> ListTurnsAsync(int after, int limit,
            CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<Answer<ReadOnlyMemory<byte>>> ListLiveAsync(long since, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<Answer<ReadOnlyMemory<byte>>> GetContextAsync(
            TurnId turn, int rendered, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<Answer<FoundTurns>> FindTurnsAsync(
            TurnId after, int limit, ResponseFilter filter, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<Answer<bool>> ChangeMetadataAsync(
            TurnAddress turn, ReadOnlyMemory<byte> metadata, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<Answer<bool>> DeleteAsync(TurnAddress turn, CancellationToken cancellationToken) =>
            Task.FromResult(OnDelete());

        public Task<Answer<bool>> ExpireAsync(long endedBy, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<Answer<bool>> EraseAsync(CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<Answer<bool>> CancelAsync(TurnAddress turn, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<Answer<ReadOnlyMemory<byte>>> GetAsync(TurnAddress turn, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<Answer<ReadOnlyMemory<byte>>> GetOutputItemAsync(
            TurnAddress turn, int index, CancellationToken cancellationToken) => Task.FromResult(Answer.Given(Item));

        public Task<Answer<ReadOnlyMemory<byte>>> ListInputItemsAsync(
            TurnAddress turn, ItemPage page, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<Answer<bool>> HoldAsync(LeaseId lease, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<Answer<bool>> ReleaseAsync(LeaseId lease, CancellationToken cancellationToken) =>
            throw new NotSupportedException();
    }
}
