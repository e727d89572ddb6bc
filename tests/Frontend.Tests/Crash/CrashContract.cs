using System.Collections.Concurrent;
using System.Globalization;
using Evergrain.Conversations.Ports;
using Evergrain.Suites.Crash;
using Xunit.Abstractions;

namespace Evergrain.Frontend.Tests.Crash;

/// <summary>
/// The server's own process, killed by SIGKILL again and again while clients run stored turns, and restarted on the
/// same journal. A journal inherits this and says how a server is started on it.
/// </summary>
public abstract class CrashContract(ITestOutputHelper output) : IAsyncLifetime
{
    private const int SeedDefault = 20260217;
    private const int Clients = 8;
    private const int RoundsLong = 200;
    private const int FramesBeforeKillMax = 250;
    private const int MillisecondsBeforeKillMax = 25;
    private const int OlderConversationsChecked = 4;
    private static readonly TimeSpan RoundPatience = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan AuditPatience = TimeSpan.FromMinutes(5);

    private readonly CrashTally _tally = new();
    private readonly List<SentConversation>[] _shared =
        [.. Enumerable.Range(0, Clients / 2).Select(_ => new List<SentConversation>())];

    private readonly List<CrashClient> _clients = [];

    // Where turns ran until the last kill; and those where one more turn went on after the kill before it.
    private IReadOnlyList<SentConversation> _cut = [];
    private IReadOnlyList<SentConversation> _continued = [];

    private IEnumerable<SentConversation> Conversations => _shared.SelectMany(shared => shared);

    /// <summary>The journal's name.</summary>
    protected abstract string Name { get; }

    /// <summary>Kills, where the full count is not asked for.</summary>
    protected abstract int Rounds { get; }

    public virtual Task InitializeAsync() => Task.CompletedTask;

    public virtual Task DisposeAsync()
    {
        _clients.ForEach(client => client.Dispose());
        return Task.CompletedTask;
    }

    [Fact]
    public async Task Turns_ServerKilledAgainAndAgain_AcknowledgedOnesAreThereOnceInOrder()
    {
        var rounds = Environment.GetEnvironmentVariable("EVERGRAIN_LONG") is { Length: > 0 } ? RoundsLong : Rounds;
        var seed = int.TryParse(Environment.GetEnvironmentVariable("EVERGRAIN_SEED"), CultureInfo.InvariantCulture,
            out var given) ? given : SeedDefault;
        Note($"seed {seed}, {rounds} rounds, {Clients} clients");
        var random = new Random(seed);
        for (var i = 0; i < Clients; i++)
        {
            // Two and two fork each other's conversations.
            _clients.Add(new CrashClient(new TurnChooser(i, new Random(random.Next()), _shared[i / 2])));
        }

        for (var round = 0; round < rounds || (!HasMetEnough && round < rounds * 3); round++)
        {
            await RunRoundAsync(random);
        }

        await CheckEverythingAsync(random);
        Report();
    }

    /// <summary>
    /// Whether the kills met what the report asks for. How many of them do depends on the machine; a run that met too
    /// little goes on. What the last kill met is not known yet.
    /// </summary>
    private bool HasMetEnough => 2 * _tally.KillsMidTurn >= _tally.Kills &&
        Conversations.Any(sent => sent.Turns.Any(turn => turn.IsAmbiguous));

    /// <summary>How a server is started on the journal of this test.</summary>
    internal abstract ServerSettings Server();

    /// <summary>The journal, or a copy of it, while no server runs.</summary>
    protected abstract Task<IJournal> OpenJournalAsync(CancellationToken cancellationToken);

    /// <summary>Checks what the last kill left, goes on with it, runs turns, and kills the server.</summary>
    private async Task RunRoundAsync(Random random)
    {
        using var patience = new CancellationTokenSource(RoundPatience);
        var held = await ReadJournalAsync(patience.Token);
        await using var server = await ServerProcess.StartAsync(Server(), patience.Token);
        await RecoverAsync(server, held, random, patience.Token);
        var before = Conversations.ToDictionary(sent => sent, sent => sent.Turns.Count);
        var frames = new FrameGate(random.Next(1, FramesBeforeKillMax));
        var running = Task.WhenAll(_clients.Select(client => client.RunUntilCutAsync(frames.Count, patience.Token)));
        await frames.OpenedBeforeAsync(running);
        await Task.Delay(TimeSpan.FromMilliseconds(random.Next(MillisecondsBeforeKillMax)), TimeProvider.System,
            patience.Token);
        await server.KillAsync();
        _tally.Kills++;
        await running;
        _cut = [.. Conversations.Where(sent => sent.Turns.Count > before.GetValueOrDefault(sent))];
    }

    private async Task RecoverAsync(
        ServerProcess server, HeldTurns held, Random random, CancellationToken cancellationToken)
    {
        using var http = server.CreateHttpClient();
        var audit = new Audit(http, _tally, held);
        var known = _cut.Where(sent => sent.Code is not null).ToList();
        var interrupted = await CheckAsync(audit, known, cancellationToken);
        _tally.KillsMidTurn += interrupted.Count > 0 ? 1 : 0;
        var older = Conversations.Where(sent => sent.Code is not null).Except(known).ToArray();
        random.Shuffle(older);
        var sample = older.Take(OlderConversationsChecked).Union(_continued.Except(known));
        await CheckAsync(audit, sample, cancellationToken);

        // Not before: a socket that nobody reads answers no ping, and checks take long on a busy machine.
        await Task.WhenAll(_clients.Select(client => client.ConnectAsync(server.Socket, cancellationToken)));

        // Every interrupted turn is continued, its calls answered; and every other conversation goes on.
        var unbroken = known.Except(interrupted.Select(turn => turn.Conversation))
            .Select(LastOf);
        await GoOnAsync(interrupted.Concat(unbroken), audit, cancellationToken);
        _continued = known;
    }

    private static SentTurn LastOf(SentConversation sent) => sent.Turns.Last(turn => turn.Response is not null);

    private Task GoOnAsync(IEnumerable<SentTurn> parents, Audit audit, CancellationToken cancellationToken)
    {
        var queue = new ConcurrentQueue<SentTurn>(parents);
        return Task.WhenAll(_clients.Select(client => GoOnAsync(client, queue, audit, cancellationToken)));
    }

    private static async Task GoOnAsync(CrashClient client, ConcurrentQueue<SentTurn> parents, Audit audit,
        CancellationToken cancellationToken)
    {
        while (parents.TryDequeue(out var parent))
        {
            await client.ContinueAsync(parent, cancellationToken);
            await audit.CheckContextAsync(parent, cancellationToken);
        }
    }

    private static async Task<IReadOnlyList<SentTurn>> CheckAsync(Audit audit, IEnumerable<SentConversation> sent,
        CancellationToken cancellationToken)
    {
        var interrupted = await Task.WhenAll(sent.Select(one => audit.CheckAsync(one, cancellationToken)));
        return [.. interrupted.SelectMany(turns => turns)];
    }

    /// <summary>After the last kill: a clean stop, then every conversation, those too whose id nobody saw.</summary>
    private async Task CheckEverythingAsync(Random random)
    {
        using var patience = new CancellationTokenSource(AuditPatience);
        var held = await ReadJournalAsync(patience.Token);
        await using (var server = await ServerProcess.StartAsync(Server(), patience.Token))
        {
            await RecoverAsync(server, held, random, patience.Token);
            await server.TerminateAsync(patience.Token);
            Assert.Equal((0, ""), await server.ExitAsync(patience.Token));
        }

        held = await ReadJournalAsync(patience.Token);
        await using var last = await ServerProcess.StartAsync(Server(), patience.Token);
        using var http = last.CreateHttpClient();
        var audit = new Audit(http, _tally, held);
        var known = Conversations.Where(sent => sent.Code is not null).ToList();
        Assert.Empty(known.Select(sent => sent.Code!).Except(held.Codes));
        await SettleUnseenAsync(audit, held.Codes.Except(known.Select(sent => sent.Code!)), patience.Token);
        var turns = new List<SentTurn>();
        foreach (var chunk in Conversations.Where(sent => sent.Code is not null).Chunk(Clients))
        {
            await CheckAsync(audit, chunk, patience.Token);
            turns.AddRange(chunk.SelectMany(sent => sent.Turns).Where(turn => turn.Response is not null));
        }

        var leaves = turns.Except(turns.Select(turn => turn.Parent).OfType<SentTurn>());
        foreach (var chunk in leaves.Chunk(Clients))
        {
            await Task.WhenAll(chunk.Select(leaf => audit.CheckContextAsync(leaf, patience.Token)));
        }

        await Task.WhenAll(_clients.Select(client => client.ConnectAsync(last.Socket, patience.Token)));
        await GoOnAsync(Conversations.Where(sent => sent.Code is not null).Select(LastOf), audit, patience.Token);
        await last.KillAsync();
    }

    /// <summary>Conversations of which nobody saw an id are first turns of ambiguous outcome, each once.</summary>
    private async Task SettleUnseenAsync(Audit audit, IEnumerable<string> codes, CancellationToken cancellationToken)
    {
        var first = Conversations.Where(sent => sent.Code is null).Select(sent => Assert.Single(sent.Turns)).ToList();
        foreach (var code in codes)
        {
            var response = await audit.FindFirstAsync(code, cancellationToken);
            var turn = Assert.Single(first, turn => turn.Nonce == response.Nonce);
            audit.Settle(turn, response);
            first.Remove(turn);
        }

        first.ForEach(_tally.NotStored);
    }

    private async Task<HeldTurns> ReadJournalAsync(CancellationToken cancellationToken)
    {
        await using var journal = await OpenJournalAsync(cancellationToken);
        return await HeldTurns.ReadAsync(journal, cancellationToken);
    }

    private void Report()
    {
        var turns = Conversations.SelectMany(sent => sent.Turns).ToList();
        var ambiguous = turns.Count(turn => turn.IsAmbiguous);
        Note($"{_tally.Kills} kills, {_tally.KillsMidTurn} of them between TurnStarted and TurnFinished, in " +
            $"{Conversations.Count()} conversations");
        Note($"{turns.Count(turn => turn.IsAcknowledged)} acknowledged turns, {ambiguous} ambiguous outcomes: " +
            $"{_tally.Cut} cut, {_tally.Stored} stored, {_tally.Absent} not stored");
        Assert.True(2 * _tally.KillsMidTurn >= _tally.Kills, "Fewer than half of the kills met a running turn.");
        Assert.NotEqual(0, ambiguous);
        Assert.Equal(ambiguous, _tally.Cut + _tally.Stored + _tally.Absent);
    }

    private void Note(string line) => CrashTally.Note(output, $"crash test, {Name}: {line}");
}
