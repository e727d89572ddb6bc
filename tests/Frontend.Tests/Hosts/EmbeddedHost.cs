using System.Diagnostics.Metrics;
using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Embedded;

namespace Evergrain.Frontend.Tests.Hosts;

/// <summary>The embedded host over any journal, with a journal between them that can fail.</summary>
internal sealed class EmbeddedHost : ContractHost
{
    private readonly Func<Task<IJournal>> _open;
    private readonly MeterFactory _meters = new();
    private readonly IInputCheck? _check;
    private IJournal _journal;
    private EmbeddedConversations _conversations;

    private EmbeddedHost(Func<Task<IJournal>> open, IJournal journal, EmbeddedOptions options, IInputCheck? check)
    {
        (_open, _journal, Options, _check) = (open, journal, options, check);
        Faults = new FaultyJournal(journal);
        Counts = new HostCounts(_meters);
        _conversations = Create();
    }

    public EmbeddedOptions Options { get; }

    public FaultyJournal Faults { get; private set; }

    public HostCounts Counts { get; }

    public ErrorLog Log { get; } = new();

    public ManualTime Time { get; } = new();

    public override GatedModel Model { get; } = new();

    public override IReadOnlyList<IModelBackend> Backends => [Model];

    public override IConversations Conversations => _conversations;

    public EmbeddedConversations Embedded => _conversations;

    /// <summary>Starts a host; <paramref name="open"/> opens its journal, and opens it again later.</summary>
    public static async Task<EmbeddedHost> StartAsync(Func<Task<IJournal>> open, EmbeddedOptions? options = null,
        IInputCheck? check = null) => new(open, await open(), options ?? new EmbeddedOptions(), check);

    /// <summary>Starts a host over an in-memory journal that other hosts write too.</summary>
    public static Task<EmbeddedHost> StartSharedAsync(InMemoryJournal journal) =>
        StartAsync(() => Task.FromResult<IJournal>(new Kept(journal) { IsExclusive = false }));

    /// <summary>Starts a host over an in-memory journal.</summary>
    public static Task<EmbeddedHost> StartInMemoryAsync(EmbeddedOptions? options = null, IInputCheck? check = null)
    {
        var journal = new InMemoryJournal();
        return StartAsync(() => Task.FromResult<IJournal>(new Kept(journal)), options, check);
    }

    public override void Advance(TimeSpan time) => Time.Advance(time);

    public override async Task PassivateAsync()
    {
        await _conversations.PassivateIdleAsync().WaitAsync(Waits.Patience);
    }

    public override async Task RestartAsync()
    {
        await _conversations.DisposeAsync().AsTask().WaitAsync(Waits.Patience);
        await _journal.DisposeAsync();
        _journal = await _open();
        Faults = new FaultyJournal(_journal);
        _conversations = Create();
    }

    public override async Task KillAsync()
    {
        // What the dead process logs is its own business: its journal fails.
        Log.Expect(101, 102, 103);
        var dead = _conversations;
        Faults.Kill();
        Faults = new FaultyJournal(_journal);
        _conversations = Create();
        await dead.DisposeAsync().AsTask().WaitAsync(Waits.Patience);
    }

    public override async Task<IReadOnlyList<JournalEntry>> ReadJournalAsync(ConversationKey key)
    {
        var entries = new List<JournalEntry>();
        await foreach (var entry in _journal.ReadAsync(key, JournalEnd.None, CancellationToken.None))
        {
            entries.Add(entry);
        }

        return entries;
    }

    /// <summary>Writes an append of nonsense behind a conversation's last one.</summary>
    public async Task CorruptAsync(ConversationKey key) => await _journal.AppendAsync(
        key, JournalEnd.Behind((await ReadJournalAsync(key))[^1]), 1, "no records at all"u8.ToArray(),
        CancellationToken.None);

    public override async ValueTask DisposeAsync()
    {
        await _conversations.DisposeAsync().AsTask().WaitAsync(Waits.Patience);
        await _journal.DisposeAsync();
        Counts.Dispose();
        _meters.Dispose();
        Log.Check();
    }

    private EmbeddedConversations Create()
    {
        var instruments = new ConversationInstruments(_meters);
        return new EmbeddedConversations(new EmbeddedContext
        {
            Journal = Faults,
            Models = new ModelCatalog(Backends),
            Ids = new RandomIdSource(),
            Time = Time,
            Logger = Log,
            Instruments = instruments,
            WarmBytes = new WarmMemory(Options.WarmBytesMax, instruments),
            Options = Options,
            InputGate = _check is null ? null : new InputGate(_check, Time, instruments),
        });
    }

    private sealed class MeterFactory : IMeterFactory
    {
        private readonly List<Meter> _meters = [];

        public Meter Create(MeterOptions options)
        {
            options.Scope = this;
            var meter = new Meter(options);
            _meters.Add(meter);
            return meter;
        }

        public void Dispose() => _meters.ForEach(meter => meter.Dispose());
    }

    /// <summary>A journal that outlives its host's process, as a file does.</summary>
    private sealed class Kept(InMemoryJournal journal) : IJournal
    {
        public bool IsExclusive { get; init; } = true;

        public ValueTask AppendAsync(ConversationKey key, JournalEnd end, ulong writer, ReadOnlyMemory<byte> records,
            CancellationToken cancellationToken) =>
            journal.AppendAsync(key, end, writer, records, cancellationToken);

        public IAsyncEnumerable<JournalEntry> ReadAsync(ConversationKey key, JournalEnd from,
            CancellationToken cancellationToken) => journal.ReadAsync(key, from, cancellationToken);

        public ValueTask<IReadOnlyList<ConversationId>> ListAsync(string tenant, ConversationId? after, int limit,
            CancellationToken cancellationToken) => journal.ListAsync(tenant, after, limit, cancellationToken);

        public ValueTask DeleteAsync(ConversationKey key, JournalEnd end, CancellationToken cancellationToken) =>
            journal.DeleteAsync(key, end, cancellationToken);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
