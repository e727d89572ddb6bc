using System.Globalization;
using Evergrain.Suites.Crash;

namespace Evergrain.Frontend.Tests.Crash;

/// <summary>Many clients at once, each with conversations of its own, and what they sent and saw.</summary>
internal sealed class Crowd : IDisposable
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);

    private readonly List<RoamingClient> _clients = [];
    private readonly List<List<SentConversation>> _owned = [];
    private volatile FrameGate? _gate;
    private volatile bool _isOver;
    private Task _running = Task.CompletedTask;

    /// <summary>Makes them; none runs yet.</summary>
    /// <param name="count">How many.</param>
    /// <param name="seed">What they do follows from it.</param>
    /// <param name="make">Makes one, by its number.</param>
    /// <param name="first">The number of the first: two crowds at one server have no number in common.</param>
    public Crowd(int count, int seed, Func<int, TurnChooser, RoamingClient> make, int first = 0)
    {
        for (var i = first; i < first + count; i++)
        {
            var own = new List<SentConversation>();
            _owned.Add(own);
            _clients.Add(make(i, new TurnChooser(i, new Random(seed + i), own)));
        }
    }

    public IReadOnlyList<SentConversation> Conversations => [.. _owned.SelectMany(own => own)];

    public IEnumerable<SentTurn> Turns => Conversations.SelectMany(sent => sent.Turns);

    public int Interrupted => _clients.Sum(client => client.Interrupted);

    public int Refusals => _clients.Sum(client => client.Refusals);

    public TimeSpan LongestTry => _clients.Max(client => client.LongestTry);

    /// <summary>What they met, for people.</summary>
    public string Story => string.Create(CultureInfo.InvariantCulture,
        $"{Turns.Count()} turns of {_clients.Count} clients in {Conversations.Count} conversations, " +
        $"{_clients.Sum(client => client.Breaks)} broken connections, {Refusals} told to come back, " +
        $"{Interrupted} interrupted, longest turn {_clients.Max(client => client.Longest).TotalSeconds:f2} s, " +
        $"longest answer {LongestTry.TotalSeconds:f2} s");

    /// <summary>They begin, and go on until they have run so many turns each, or are stopped.</summary>
    public void Start(CancellationToken cancellationToken, int turnsEach = int.MaxValue) => _running = Task.WhenAll(
        _clients.Select(client => Task.Run(
            () => client.RunAsync(turnsEach, () => _isOver, () => _gate?.Count(), cancellationToken))));

    /// <summary>Waits until they have seen so many frames more.</summary>
    public async Task SeeAsync(int frames)
    {
        var gate = _gate = new FrameGate(frames);
        await gate.OpenedBeforeAsync(_running);
    }

    /// <summary>Waits until each has ended a turn that it began from now on.</summary>
    public Task EachGoesOnAsync(CancellationToken cancellationToken) =>
        EachAsync(static client => client.Turns, 2, cancellationToken);

    /// <summary>Waits until each was told to come back.</summary>
    public Task EachIsRefusedAsync(CancellationToken cancellationToken) =>
        EachAsync(static client => client.Refusals, 1, cancellationToken);

    /// <summary>Waits until each has run the turns that it was given.</summary>
    public Task EndAsync() => _running;

    /// <summary>Each ends its turn and stops.</summary>
    public async Task StopAsync()
    {
        _isOver = true;
        await _running;
    }

    /// <summary>
    /// What they saw is what a server holds: every turn once, in order, unchanged, made from the items they sent.
    /// </summary>
    public async Task CheckAsync(HttpClient http, CancellationToken cancellationToken)
    {
        Assert.All(Turns, turn => Assert.True(turn.IsAcknowledged));
        var audit = new Audit(http, new CrashTally());
        foreach (var chunk in Conversations.Chunk(16))
        {
            await Task.WhenAll(chunk.Select(sent => CheckAsync(audit, sent, cancellationToken)));
        }
    }

    public void Dispose() => _clients.ForEach(client => client.Dispose());

    private async Task EachAsync(Func<RoamingClient, int> count, int more, CancellationToken cancellationToken)
    {
        var wanted = _clients.Select(client => count(client) + more).ToList();
        while (_clients.Index().Any(client => count(client.Item) < wanted[client.Index]))
        {
            if (await Task.WhenAny(_running, Task.Delay(Look, TimeProvider.System, cancellationToken)) == _running)
            {
                await _running;
            }

            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    private static async Task CheckAsync(Audit audit, SentConversation sent, CancellationToken cancellationToken)
    {
        await audit.CheckAsync(sent, cancellationToken);
        var parents = sent.Turns.Select(turn => turn.Parent).ToHashSet();
        foreach (var leaf in sent.Turns.Where(turn => !parents.Contains(turn)))
        {
            await audit.CheckContextAsync(leaf, cancellationToken);
        }
    }
}
