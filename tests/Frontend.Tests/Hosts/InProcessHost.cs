using System.Diagnostics.Metrics;
using Evergrain.Conversations.Holding;
using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Lifetimes;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Recognition;
using Evergrain.Conversations.Routing;
using Evergrain.Frontend.InProcess;
using Evergrain.Suites.Hosts;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Evergrain.Frontend.Tests.Hosts;

/// <summary>The in-process host over any journal, with a journal between them that can fail.</summary>
internal sealed class InProcessHost : ContractHost
{
    private static readonly TimeSpan RetryTime = TimeSpan.FromSeconds(20);
    private readonly Func<Task<IJournal>> _open;
    private readonly MeterFactory _meters = new();
    private readonly HostSetup _setup;
    private IJournal _journal;
    private FaultyJournal _faults;
    private ServiceProvider _services;
    private ITurns _turns;
    private ConversationRouter _conversations;

    private InProcessHost(Func<Task<IJournal>> open, IJournal journal, InProcessOptions options, HostSetup setup,
        ManualTime time)
    {
        (_open, _journal, Options, _setup, Time) = (open, journal, options, setup, time);
        _faults = new FaultyJournal(journal);
        Counts.Follow(_meters);
        (_services, _conversations) = Create();
        _turns = CreateTurns();
    }

    public InProcessOptions Options { get; }

    public override FaultyJournal Faults => _faults;

    public override IJournal Store => _journal;

    public override ErrorLog Log { get; } = new();

    public override ManualTime Time { get; }

    public override GatedModel Model { get; } = new();

    public override ITurns Turns => _turns;

    public override IConversations Conversations => _conversations;

    public override RecognitionIndex? Known => _services.GetService<RecognitionIndex>();

    public override WarmCalls Warm => _services.GetRequiredService<WarmCalls>();

    /// <summary>What is removed when the host is disposed; null: nothing.</summary>
    public string? Directory { get; set; }

    public InProcessConversations InProcess => _services.GetRequiredService<InProcessConversations>();

    /// <summary>Starts a host; <paramref name="open"/> opens its journal, and opens it again later.</summary>
    public static async Task<InProcessHost> StartAsync(Func<Task<IJournal>> open, InProcessOptions? options = null,
        HostSetup? setup = null, ManualTime? time = null) =>
        new(open, await open(), options ?? new InProcessOptions(), setup ?? new HostSetup(), time ?? new ManualTime());

    /// <summary>Starts a host over an in-memory journal.</summary>
    public static Task<InProcessHost> StartInMemoryAsync(InProcessOptions? options = null, HostSetup? setup = null)
    {
        var journal = new InMemoryJournal();
        return StartAsync(() => Task.FromResult<IJournal>(new Kept(journal)), options, setup);
    }

    public override async Task PassivateAsync() => await InProcess.PassivateIdleAsync().WaitAsync(Waits.Patience);

    public override void ReturnJournal() => _services.GetRequiredService<JournalReturns>().Returned();

    public override async Task RestartAsync()
    {
        await _services.DisposeAsync().AsTask().WaitAsync(Waits.Patience);
        await _journal.DisposeAsync();
        _journal = await _open();
        _faults = new FaultyJournal(_journal);
        (_services, _conversations) = Create();
        _turns = CreateTurns();
    }

    public override async Task KillAsync()
    {
        // The dead process logs that its journal fails.
        Log.Expect(101, 102, 103);
        var dead = _services;
        Faults.Kill();
        _faults = new FaultyJournal(_journal);
        (_services, _conversations) = Create();
        _turns = CreateTurns();
        await dead.DisposeAsync().AsTask().WaitAsync(Waits.Patience);
    }

    public override async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync().AsTask().WaitAsync(Waits.Patience);
        await _journal.DisposeAsync();
        if (Directory is not null)
        {
            System.IO.Directory.Delete(Directory, recursive: true);
        }

        _meters.Dispose();
        await base.DisposeAsync();
    }

    private (ServiceProvider Services, ConversationRouter Conversations) Create()
    {
        var services = new ServiceCollection()
            .AddLogging(logging => logging.AddProvider(Log))
            .AddSingleton<IMeterFactory>(_meters)
            .AddSingleton<TimeProvider>(Time)
            .AddSingleton<IIdSource, RandomIdSource>()
            .AddSingleton<IJournal>(Faults)
            .AddSingleton<IModelBackend>(Model);
        if (_setup.Check is not null)
        {
            services.AddSingleton(_setup.Check);
        }

        if (_setup.Holding is not null)
        {
            services.AddSingleton(_setup.Holding);
        }

        if (_setup.Recognition is not null)
        {
            services.AddSingleton(_setup.Recognition).AddSingleton<IHistoryStore>(Faults)
                .AddSingleton<LastingIndex>().AddSingleton<RecognitionIndex>();
        }

        if (_setup.Lifetimes is not null)
        {
            services.AddSingleton(_setup.Lifetimes);
        }

        var provider = services.AddInProcessConversations(Options).BuildServiceProvider();

        // Nobody moves the manual clock for a caller that asks again.
        var bounds = new RetryBounds(TimeProvider.System, RetryTime, static _ => false);
        var host = provider.GetRequiredService<InProcessConversations>();
        var roster = provider.GetRequiredService<ConversationInstruments>().Roster;
        return (provider, new ConversationRouter(host.Find, host.FindWarm, _faults, new RandomIdSource(), bounds)
        {
            Roster = (query, _) => ValueTask.FromResult(new RosterAnswer([.. roster.Find(query)], IsComplete: true)),
        });
    }

    private ITurns CreateTurns() =>
        Known is { } known
            ? new RecognisingTurns(_conversations, InProcess.Find, InProcess.FindWarm, known)
            : _conversations;

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
        public ValueTask AppendAsync(ConversationKey key, JournalEnd end, ulong writer, ReadOnlyMemory<byte> records,
            CancellationToken cancellationToken) =>
            journal.AppendAsync(key, end, writer, records, cancellationToken);

        public IAsyncEnumerable<JournalEntry> ReadAsync(ConversationKey key, JournalEnd from,
            CancellationToken cancellationToken) => journal.ReadAsync(key, from, cancellationToken);

        public ValueTask<IReadOnlyList<ConversationId>> ListAsync(string tenant, ConversationId? after, int limit,
            CancellationToken cancellationToken) => journal.ListAsync(tenant, after, limit, cancellationToken);

        public ValueTask<JournalListing> ListNewestAsync(IReadOnlyList<string> tenants, long before, int limit,
            CancellationToken cancellationToken) => journal.ListNewestAsync(tenants, before, limit, cancellationToken);

        public ValueTask<long?> FindNumberAsync(ConversationKey key, CancellationToken cancellationToken) =>
            journal.FindNumberAsync(key, cancellationToken);

        public ValueTask<IReadOnlyList<string>> ListTenantsAsync(int limit, CancellationToken cancellationToken) =>
            journal.ListTenantsAsync(limit, cancellationToken);

        public ValueTask DeleteAsync(ConversationKey key, JournalEnd end, CancellationToken cancellationToken) =>
            journal.DeleteAsync(key, end, cancellationToken);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
