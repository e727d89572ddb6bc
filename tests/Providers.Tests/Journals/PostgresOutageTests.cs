using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Postgres;
using Evergrain.Tests.Services;
using Xunit.Abstractions;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>The server dies under load.</summary>
[Trait("Needs", "Postgres")]
[Collection(PostgresCollection.Name)]
public sealed class PostgresOutageTests(PostgresServer server, ITestOutputHelper output) : PostgresFixture(server)
{
    private const int Conversations = 64;
    private const int AppendsUnderLoad = 1_000;

    private readonly CancellationTokenSource _enough = new();

    [Fact]
    public async Task Server_KilledAndRestartedUnderLoad_LosesAndDoublesNothing()
    {
        var journal = await OpenAsync(reconnectSeconds: 60);
        var writing = StartWriting(journal);
        for (var round = 1; round <= 3; round++)
        {
            await UntilAsync(() => journal.Counters.Appends > round * AppendsUnderLoad);
            await Server.KillAsync();
            await Server.StartAsync();
        }

        await UntilAsync(() => journal.Counters.Appends > 4 * AppendsUnderLoad);
        await _enough.CancelAsync();
        var logs = await Task.WhenAll(writing);

        await CheckAsync(journal, logs);
        Assert.All(logs, log => Assert.Equal(0, log.Failed));
        Assert.NotEqual(0, journal.Counters.Reconnects);
        output.WriteLine($"[note] PostgreSQL killed 3 times under load: {journal.Counters}");
    }

    [Fact]
    public async Task Server_KilledAndAwayForLong_FailsClearlyAndKeepsWhatWasAcknowledged()
    {
        var journal = await OpenAsync(reconnectSeconds: 0.2);
        var writing = StartWriting(journal);
        await UntilAsync(() => journal.Counters.Appends > AppendsUnderLoad);
        await Server.KillAsync();
        await UntilAsync(() => journal.Counters.FailedTransactions > 0);
        await Server.StartAsync();
        var before = journal.Counters.Appends;
        await UntilAsync(() => journal.Counters.Appends > before + AppendsUnderLoad);
        await _enough.CancelAsync();
        var logs = await Task.WhenAll(writing);

        await CheckAsync(journal, logs);
        Assert.Contains(logs, log => log.Failed > 0);
        output.WriteLine($"[note] PostgreSQL away under load: {logs.Sum(l => l.Failed)} failures, {journal.Counters}");
    }

    [Fact]
    public async Task Backends_TerminatedUnderLoad_LoseAndDoubleNothing()
    {
        var journal = await OpenAsync(reconnectSeconds: 60);
        var writing = StartWriting(journal);
        for (var round = 1; round <= 10; round++)
        {
            await UntilAsync(() => journal.Counters.Appends > round * 200);
            await TerminateAsync();
        }

        await _enough.CancelAsync();
        var logs = await Task.WhenAll(writing);

        await CheckAsync(journal, logs);
        Assert.All(logs, log => Assert.Equal(0, log.Failed));
        Assert.NotEqual(0, journal.Counters.Reconnects);
    }

    [Fact]
    public async Task Backends_TerminatedWhileIdle_AreNotNoticed()
    {
        var journal = await OpenAsync();
        await journal.AppendAsync(Key, 0, 1, Bytes(1, 10), Token);
        _ = await ReadAsync(journal, Key);
        await TerminateAsync();

        await journal.AppendAsync(Key, 1, 1, Bytes(1, 10), Token);
        Assert.Equal(2, (await ReadAsync(journal, Key)).Count);
    }

    private List<Task<Log>> StartWriting(PostgresJournal journal) =>
        [.. Enumerable.Range(1, Conversations)
            .Select(i => Task.Run(() => WriteAsync(journal, KeyOf(i), (ulong)i), Token))];

    /// <summary>Appends as a conversation does: at the end it knows, and after a failure at the end it reads.</summary>
    private async Task<Log> WriteAsync(PostgresJournal journal, ConversationKey key, ulong writer)
    {
        var log = new Log(key);
        var end = JournalEnd.None;
        for (var i = 1; !_enough.IsCancellationRequested; i++)
        {
            try
            {
                await journal.AppendAsync(key, end, writer, BitConverter.GetBytes(i), Token);
                log.Acknowledged.Add(i);
                end = new JournalEnd(end.Position + 1, writer);
            }
            catch (JournalUnavailableException)
            {
                log.Failed++;
                end = await EndAsync(journal, key);
            }
        }

        return log;
    }

    private async Task<JournalEnd> EndAsync(PostgresJournal journal, ConversationKey key)
    {
        while (true)
        {
            try
            {
                return await journal.EndAsync(key, Token);
            }
            catch (JournalUnavailableException)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, Token);
            }
        }
    }

    /// <summary>What was acknowledged is there once and in order; beside it only what failed, at most once.</summary>
    private async Task CheckAsync(PostgresJournal journal, Log[] logs)
    {
        var stored = 0;
        foreach (var log in logs)
        {
            var held = (await ReadAsync(journal, log.Key)).ConvertAll(e => BitConverter.ToInt32(e.Records.Span));
            Assert.Equal(held.Order().Distinct(), held);
            Assert.Empty(log.Acknowledged.Except(held));
            Assert.InRange(held.Count, log.Acknowledged.Count, log.Acknowledged.Count + log.Failed);
            stored += held.Count;
        }

        Assert.InRange(stored, AppendsUnderLoad, int.MaxValue);
    }

    private sealed record Log(ConversationKey Key)
    {
        public List<int> Acknowledged { get; } = [];

        public int Failed { get; set; }
    }
}
