using System.Runtime.CompilerServices;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Holding;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Lifetimes;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Recognition;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Hosts;
using Microsoft.Extensions.Logging;

namespace Evergrain.Cluster.Tests;

/// <summary>
/// What a test's silos run on. Silos take seconds to start, so a cluster serves one test after the other: each brings a
/// world of its own.
/// </summary>
internal sealed class TestWorld
{
    private FaultyJournal? _faults;

    public TestWorld() => Clock = Time;

    public IJournal Journal { get; init; } = new InMemoryJournal();

    /// <summary>The journal as all silos have it.</summary>
    public FaultyJournal Faults => _faults ??= new FaultyJournal(Journal);

    public GatedModel Model { get; init; } = new();

    public ManualTime Time { get; } = new();

    /// <summary>The clock of grains: the manual one, unless clients of a real server wait for what they do.</summary>
    public TimeProvider Clock { get; init; }

    /// <summary>The clock of the demo model.</summary>
    public TimeProvider DemoClock { get; init; } = TimeProvider.System;

    public ErrorLog Log { get; } = new();

    /// <summary>Everything that is logged, of errors and of all else.</summary>
    public LogText Text { get; } = new();

    /// <summary>
    /// How long silos that are started in this world drain. None by default: what a drain waits for would wait for the
    /// test's clock.
    /// </summary>
    public TimeSpan DrainTimeout { get; init; }

    /// <summary>Bytes that Orleans takes in one message, in silos that are started in this world and their client.
    /// </summary>
    public int MessageBytesMax { get; init; } = 100 << 20;

    /// <summary>The check on new input of silos that are started in this world; null: there is none.</summary>
    public IInputCheck? Check { get; set; }

    /// <summary>What may be held in silos that are started in this world; null: nobody counts.</summary>
    public ProcessHolding? Holding { get; init; }

    /// <summary>How histories are recognised by silos that are started in this world; null: they are not.</summary>
    public RecognitionOptions? Recognition { get; init; }

    /// <summary>Whether each silo knows its own turns alone, as one in a process of its own does.</summary>
    public bool HasIndexes { get; init; }

    /// <summary>How long responses are kept by silos that are started in this world; null: for ever.</summary>
    public ResponseLifetimes? Lifetimes { get; init; }
}

/// <summary>The world that a cluster's silos are in now, as the services they were started with.</summary>
internal sealed class CurrentWorld(TestWorld world)
{
    public TestWorld World { get; set; } = world;
}

/// <summary>One of the world's clocks. Orleans' own timers run by the system's.</summary>
internal sealed class WorldTime(CurrentWorld current, Func<TestWorld, TimeProvider> clock) : TimeProvider
{
    public override long TimestampFrequency => clock(current.World).TimestampFrequency;

    public override DateTimeOffset GetUtcNow() => clock(current.World).GetUtcNow();

    public override long GetTimestamp() => clock(current.World).GetTimestamp();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        clock(current.World).CreateTimer(callback, state, dueTime, period);
}

internal sealed class WorldModel(CurrentWorld current) : IModelBackend
{
    public string Rendering => current.World.Model.Rendering;

    public IReadOnlyList<string> Models => current.World.Model.Models;

    public IStateCodec? States => current.World.Model.States;

    public bool TakesOpenCalls => current.World.Model.TakesOpenCalls;

    public bool Serves(string model) => current.World.Model.Serves(model);

    public Rendered Render(Item item, object? state) => current.World.Model.Render(item, state);

    public async IAsyncEnumerable<ModelEvent> StreamAsync(ModelCall call,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var model in current.World.Model.StreamAsync(call, cancellationToken))
        {
            yield return model;
        }
    }
}

/// <summary>The check on new input of the test that runs; without one all is let in.</summary>
internal sealed class WorldCheck(CurrentWorld current) : IInputCheck
{
    public ValueTask<Refusal?> CheckAsync(NewInput input, CancellationToken cancellationToken) =>
        current.World.Check?.CheckAsync(input, cancellationToken) ?? ValueTask.FromResult<Refusal?>(null);
}

/// <summary>The journal as one silo has it: it outlives the silo, and is lost to one that is killed.</summary>
internal sealed class WorldJournal(CurrentWorld current) : IJournal, IHistoryStore
{
    public ValueTask AddAsync(
        IReadOnlyList<HistoryEntry> entries, int countMax, CancellationToken cancellationToken) =>
        current.World.Faults.AddAsync(entries, countMax, cancellationToken);

    public ValueTask<long?> ClaimAsync(string tenant, ulong process, CancellationToken cancellationToken) =>
        current.World.Faults.ClaimAsync(tenant, process, cancellationToken);

    public ValueTask AddOlderAsync(OlderPage page, int countMax, CancellationToken cancellationToken) =>
        current.World.Faults.AddOlderAsync(page, countMax, cancellationToken);

    public ValueTask<HistoryEntry?> FindAsync(string tenant, IReadOnlyList<Digest> keys, ulong hint,
        CancellationToken cancellationToken) =>
        current.World.Faults.FindAsync(tenant, keys, hint, cancellationToken);

    public ValueTask AppendAsync(ConversationKey key, JournalEnd end, ulong writer, DeletingRecords records,
        CancellationToken cancellationToken) =>
        current.World.Faults.AppendAsync(key, end, writer, records, cancellationToken);

    public ValueTask AppendAsync(ConversationKey key, JournalEnd end, ulong writer,
        ReadOnlyMemory<byte> records, CancellationToken cancellationToken) =>
        current.World.Faults.AppendAsync(key, end, writer, records, cancellationToken);

    public IAsyncEnumerable<JournalEntry> ReadAsync(ConversationKey key, JournalEnd from,
        CancellationToken cancellationToken) => current.World.Faults.ReadAsync(key, from, cancellationToken);

    public ValueTask<IReadOnlyList<ConversationId>> ListAsync(string tenant,
        ConversationId? after, int limit, CancellationToken cancellationToken) =>
        current.World.Faults.ListAsync(tenant, after, limit, cancellationToken);

    public ValueTask<JournalListing> ListNewestAsync(IReadOnlyList<string> tenants, long before, int limit,
        CancellationToken cancellationToken) =>
        current.World.Faults.ListNewestAsync(tenants, before, limit, cancellationToken);

    public ValueTask<long?> FindNumberAsync(ConversationKey key, CancellationToken cancellationToken) =>
        current.World.Faults.FindNumberAsync(key, cancellationToken);

    public ValueTask<IReadOnlyList<string>> ListTenantsAsync(int limit, CancellationToken cancellationToken) =>
        current.World.Faults.ListTenantsAsync(limit, cancellationToken);

    public ValueTask DeleteAsync(ConversationKey key, JournalEnd end,
        CancellationToken cancellationToken) => current.World.Faults.DeleteAsync(key, end, cancellationToken);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

/// <summary>Passes on the errors of conversations; Orleans' own are its business when a test kills its silos.</summary>
internal sealed class WorldLog(CurrentWorld current) : ILoggerProvider
{
    public ILogger CreateLogger(string categoryName) =>
        categoryName.StartsWith("Evergrain", StringComparison.Ordinal) ? new Passed(current) : new Dropped();

    public void Dispose()
    {
        // Nothing is held.
    }

    private sealed class Passed(CurrentWorld current) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter)
        {
            current.World.Log.Log(logLevel, eventId, state, exception, formatter);
            current.World.Text.Log(logLevel, eventId, state, exception, formatter);
        }
    }

    private sealed class Dropped : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => false;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter)
        {
            // Not a conversation's.
        }
    }
}
