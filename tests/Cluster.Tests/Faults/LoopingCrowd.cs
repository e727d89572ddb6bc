using System.Globalization;
using Evergrain.Suites.Crash;

namespace Evergrain.Cluster.Tests.Faults;

/// <summary>Looping clients, and what they saw of a fault.</summary>
internal sealed class LoopingCrowd : IDisposable
{
    private const int FillingMax = 8;

    // With one for each of two cores, a thread that blocks held up all clients for 700 ms, until the pool made another.
    private const int ThreadsMin = 16;

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);

    // Crowds of one cluster must not meet each other's turns: the creates of two with one key and body are one turn.
    private static int _crowds;

    private readonly List<LoopingClient> _clients;
    private volatile bool _isOver;
    private Task _running = Task.CompletedTask;

    private LoopingCrowd(LoopPlan plan, Uri address)
    {
        var crowd = Interlocked.Increment(ref _crowds);
        _clients = [.. Enumerable.Range(0, plan.Conversations)
            .Select(number => new LoopingClient(crowd, number, plan, address))];
    }

    public IEnumerable<LoopTurn> Turns => _clients.SelectMany(client => client.Turns);

    /// <summary>Since when they loop.</summary>
    public long Looping { get; private set; }

    public int Breaks => _clients.Sum(client => client.Breaks);

    public int Refusals => _clients.Sum(client => client.Refusals);

    public int Cuts => _clients.Sum(client => client.Cuts);

    public IReadOnlyList<string> Errors => [.. _clients.SelectMany(client => client.Errors)];

    /// <summary>Clients whose conversations hold their context, and which run one turn after the other.</summary>
    public static async Task<LoopingCrowd> StartAsync(LoopPlan plan, Uri address, CancellationToken cancellationToken)
    {
        ThreadPool.GetMinThreads(out _, out var completions);
        ThreadPool.SetMinThreads(ThreadsMin, completions);
        var crowd = new LoopingCrowd(plan, address);
        foreach (var some in crowd._clients.Chunk(FillingMax))
        {
            await Task.WhenAll(some.Select(client => client.FillAsync(cancellationToken)));
        }

        crowd.Looping = TimeProvider.System.GetTimestamp();
        crowd._running = Task.WhenAll(crowd._clients.Select(
            client => Task.Run(() => crowd.LoopAsync(client, cancellationToken), cancellationToken)));
        await crowd.EachGoesOnAsync(1, cancellationToken);
        return crowd;
    }

    // The others loop for as long as the test waits for all of them.
    private async Task LoopAsync(LoopingClient client, CancellationToken cancellationToken)
    {
        try
        {
            await client.LoopAsync(() => _isOver, cancellationToken);
        }
        catch
        {
            _isOver = true;
            throw;
        }
    }

    /// <summary>Waits until each has ended so many turns that it begins from now on.</summary>
    public async Task EachGoesOnAsync(int turns, CancellationToken cancellationToken)
    {
        var wanted = _clients.ConvertAll(client => client.Turns.Count + turns + 1);
        while (_clients.Index().Any(client => client.Item.Turns.Count < wanted[client.Index]))
        {
            if (await Task.WhenAny(_running, Task.Delay(Look, TimeProvider.System, cancellationToken)) == _running)
            {
                await _running;
                Assert.Fail("The clients stopped by themselves.");
            }

            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Each ends its turn and stops.</summary>
    public async Task StopAsync()
    {
        _isOver = true;
        await _running;
    }

    /// <summary>What happened to the turns that ran since a moment, or began later.</summary>
    public FaultStory Since(long moment) => new(moment, [.. _clients.Select(client => client.Turns)]);

    /// <summary>
    /// What they saw is what a frontend holds: every acknowledged turn once, in order, unchanged, made from the items
    /// that were sent and seen.
    /// </summary>
    public async Task CheckAsync(HttpClient http, CancellationToken cancellationToken)
    {
        var audit = new Audit(http, new CrashTally());
        foreach (var some in _clients.Chunk(FillingMax))
        {
            await Task.WhenAll(some.Select(async client =>
            {
                Assert.All(client.Turns, static turn => Assert.True(turn.Sent.IsAcknowledged));
                await audit.CheckAsync(client.Conversation, cancellationToken);
                await audit.CheckContextAsync(client.Turns[^1].Sent, cancellationToken);
            }));
        }
    }

    public void Dispose() => _clients.ForEach(client => client.Dispose());
}

/// <summary>What a fault did to turns: those that ran at its moment, and those that came later.</summary>
internal sealed class FaultStory
{
    private static readonly TimeSpan Noticed = TimeSpan.FromMilliseconds(500);

    private readonly long _moment;

    public FaultStory(long moment, IReadOnlyList<IReadOnlyList<LoopTurn>> clients)
    {
        _moment = moment;
        var since = clients.Select(turns => turns.Where(IsSince).ToList()).ToList();
        Interrupted = [.. since.SelectMany(turns => turns).Where(turn => turn.IsInterrupted)];
        Pauses = [.. since.SelectMany(turns => turns).Where(turn => turn.Ended != 0 && !turn.IsInterrupted)
            .Select(turn => turn.Pause).Order()];
        GoOn = [.. since.Select(TimeToGoOn).Order()];
        Turns = since.Sum(turns => turns.Count);
    }

    public int Turns { get; }

    /// <summary>Turns that ended as interrupted.</summary>
    public IReadOnlyList<LoopTurn> Interrupted { get; }

    /// <summary>How much longer than its model each turn took that was not interrupted, shortest first.</summary>
    public IReadOnlyList<TimeSpan> Pauses { get; }

    /// <summary>
    /// For each conversation how long it stood still, shortest first: from the fault to the first event of the turn
    /// behind the interrupted one, or as long as its longest pause.
    /// </summary>
    public IReadOnlyList<TimeSpan> GoOn { get; }

    public static TimeSpan Quantile(IReadOnlyList<TimeSpan> sorted, double share) =>
        sorted.Count == 0 ? TimeSpan.Zero : sorted[Math.Min((int)(sorted.Count * share), sorted.Count - 1)];

    /// <summary>Median, 99th percentile, maximum, and how many people would notice.</summary>
    public static string Spread(IReadOnlyList<TimeSpan> sorted) => string.Create(CultureInfo.InvariantCulture,
        $"p50 {Quantile(sorted, 0.5).TotalMilliseconds:f0} ms, p99 {Quantile(sorted, 0.99).TotalMilliseconds:f0} ms, " +
        $"max {Quantile(sorted, 1).TotalMilliseconds:f0} ms, {sorted.Count(time => time > Noticed)} of " +
        $"{sorted.Count} above {Noticed.TotalMilliseconds} ms");

    private bool IsSince(LoopTurn turn) => turn.Ended == 0 || turn.Ended > _moment;

    private TimeSpan TimeToGoOn(List<LoopTurn> turns)
    {
        var longest = TimeSpan.Zero;
        foreach (var (index, turn) in turns.Index())
        {
            var stood = !turn.IsInterrupted ? turn.Pause
                : index + 1 < turns.Count && turns[index + 1].Created != 0
                    ? TimeProvider.System.GetElapsedTime(_moment, turns[index + 1].Created)
                    : TimeSpan.MaxValue;
            longest = stood > longest ? stood : longest;
        }

        return longest;
    }
}
