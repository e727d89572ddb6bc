using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Admission;
using Evergrain.Suites.Hosts;
using Xunit.Abstractions;

namespace Evergrain.Frontend.Tests.Admission;

/// <summary>The gate against a plain list that does the same the slow way, and against threads.</summary>
public sealed class TurnGateModelTests(ITestOutputHelper output)
{
    private const int Steps = 2_000;
    private static readonly string[] Tenants = ["a", "b", "c", "d"];
    private static readonly string[] Models = ["x", "y", "unheard"];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(null)]
    public async Task Gate_AnySteps_DoesWhatTheModelDoes(int? seed)
    {
        seed ??= Environment.ProcessId;
        output.WriteLine($"seed {seed}");
        var chance = new Random(seed.Value);
        using var host = new AdmissionHost(PlainGate.Settings(8), new NamedModel("x", 3), new NamedModel("y", 5));
        var plain = new PlainGate();
        for (var step = 0; step < Steps; step++)
        {
            Step(chance, host, plain);
            await plain.CheckAsync(host.Gate, $"seed {seed}, step {step}");
        }

        plain.Turns.ForEach(static turn => turn.Cancel.Cancel());
        plain.Turns.FindAll(static turn => turn.State == TurnState.Running).ForEach(turn => turn.Leave());
        Assert.Equal(0, host.Gate.Waiting);
        host.Rewrite(PlainGate.Settings(8));
        Array.ForEach(new int[8], _ => host.Place("z"));
        Assert.False(host.EnterAsync("z").IsCompleted);
    }

    [Fact]
    public async Task Gate_UsedByManyThreads_LosesNoPlace()
    {
        const int threads = 8, turns = 400;
        using var host = new AdmissionHost(AdmissionHost.Json("""{"RunningTurnsMax":3}"""), new NamedModel("x", 2));
        var (running, most) = (0, 0);
        await Task.WhenAll(Enumerable.Range(0, threads).Select(thread => Task.Run(async () =>
        {
            for (var i = 0; i < turns; i++)
            {
                using var cancel = new CancellationTokenSource();
                var entering = host.EnterAsync(Tenants[i % 4], Models[(thread + i) % 3], cancel.Token);
                await (i % 5 == 0 ? cancel.CancelAsync() : Task.CompletedTask);
                if (await TryAsync(entering) is { } place)
                {
                    most = Math.Max(most, Interlocked.Increment(ref running));
                    await Task.Yield();
                    Interlocked.Decrement(ref running);
                    place.Dispose();
                    place.Dispose();
                }
            }
        }))).WaitAsync(Waits.Patience);

        Assert.InRange(most, 1, 3);
        Assert.Equal(0, host.Gate.Waiting);
        host.Place("a", "x");
        host.Place("b", "x");
        host.Place("c");
        Assert.False(host.EnterAsync("d").IsCompleted);
    }

    private static async Task<TurnPlace?> TryAsync(Task<TurnPlace> entering)
    {
        try
        {
            return await entering;
        }
        catch (OperationCanceledException)
        {
            return null;
        }
    }

    private static void Step(Random chance, AdmissionHost host, PlainGate plain)
    {
        var running = plain.Turns.FindAll(static turn => turn.State == TurnState.Running);
        var waiting = plain.Turns.FindAll(static turn => turn.State == TurnState.Waiting);
        switch (chance.Next(20))
        {
            case < 10:
                var turn = new PlainTurn(Tenants[chance.Next(Tenants.Length)], Models[chance.Next(Models.Length)]);
                turn.Enter(host);
                plain.Enter(turn);
                break;
            case < 16 when running.Count > 0:
                var leaving = running[chance.Next(running.Count)];
                leaving.Leave();
                plain.Leave(leaving);
                break;
            case < 18 when waiting.Count > 0:
                var cancelled = waiting[chance.Next(waiting.Count)];
                cancelled.Cancel.Cancel();
                cancelled.State = TurnState.Cancelled;
                break;
            case 18:
                var time = TimeSpan.FromSeconds(chance.Next(1, 12));
                host.Time.Advance(time);
                plain.Advance(time);
                break;
            case 19:
                var max = chance.Next(1, 12);
                host.Rewrite(PlainGate.Settings(max));
                plain.Resize(max);
                break;
        }
    }
}

internal enum TurnState
{
    Waiting,
    Running,
    Ended,
    Cancelled,
    TimedOut,
    Refused,
}

/// <summary>One turn of the test: what it should be, and what the gate made of it.</summary>
internal sealed class PlainTurn(string tenant, string model)
{
    private Task<TurnPlace>? _entering;
    private TurnPlace? _place;

    public string Tenant { get; } = tenant;

    public string Model { get; } = model;

    public TurnState State { get; set; }

    public TimeSpan Left { get; set; } = TimeSpan.FromSeconds(30);

    public CancellationTokenSource Cancel { get; } = new();

    public void Enter(AdmissionHost host) => _entering = host.EnterAsync(Tenant, Model, Cancel.Token);

    public void Leave()
    {
        _place!.Dispose();
        State = TurnState.Ended;
    }

    /// <summary>Whether the gate did with it what its state says; waits for what the gate has set in motion.</summary>
    public async Task CheckAsync(string where)
    {
        switch (State)
        {
            case TurnState.Waiting:
                Assert.False(_entering!.IsCompleted, where);
                break;
            case TurnState.Running:
                _place ??= await _entering!.WaitAsync(Waits.Patience);
                break;
            case TurnState.Cancelled:
                await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _entering!.WaitAsync(Waits.Patience));
                break;
            case TurnState.TimedOut or TurnState.Refused:
                var refusal = await _entering!.RefusalAsync();
                Assert.InRange(refusal.RetryAfter!.Value, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(30));
                break;
        }
    }
}

/// <summary>The gate's rules over a list: a turn is looked for again from the start each time.</summary>
internal sealed class PlainGate
{
    private const int WaitingMax = 40;
    private const int TenantWaitingMax = 15;
    private readonly Dictionary<string, long> _served = new(StringComparer.Ordinal);
    private int _max = 8;
    private long _number;

    public List<PlainTurn> Turns { get; } = [];

    /// <summary>Tenant a may run 4 and weighs 2.</summary>
    public static string Settings(int runningMax) => AdmissionHost.Json(
        $$"""{"RunningTurnsMax":{{runningMax}},"WaitingTurnsMax":{{WaitingMax}}}""",
        $$$"""{"*":{"WaitingTurnsMax":{{{TenantWaitingMax}}}},"a":{"RunningTurnsMax":4,"Weight":2}}""");

    public void Enter(PlainTurn turn)
    {
        var own = Count(TurnState.Waiting, turn.Tenant, null);
        var all = Count(TurnState.Waiting, null, null);
        Turns.Add(turn);
        Give();
        if (turn.State == TurnState.Waiting && (own >= TenantWaitingMax || all >= WaitingMax))
        {
            turn.State = TurnState.Refused;
        }
    }

    public void Leave(PlainTurn turn)
    {
        Assert.Equal(TurnState.Ended, turn.State);
        Give();
    }

    public void Resize(int max)
    {
        _max = max;
        Give();
    }

    public void Advance(TimeSpan time)
    {
        foreach (var turn in Turns.FindAll(static turn => turn.State == TurnState.Waiting))
        {
            turn.Left -= time;
            turn.State = turn.Left <= TimeSpan.Zero ? TurnState.TimedOut : turn.State;
        }
    }

    /// <summary>Compares every turn, and forgets those that are over.</summary>
    public async Task CheckAsync(TurnGate gate, string where)
    {
        Assert.True(gate.Waiting == Count(TurnState.Waiting, null, null), where);
        foreach (var turn in Turns)
        {
            await turn.CheckAsync(where);
        }

        Turns.RemoveAll(static turn => turn.State is not (TurnState.Waiting or TurnState.Running));
    }

    private void Give()
    {
        while (Turns.FindAll(MayRun).MinBy(Rank) is { } next)
        {
            next.State = TurnState.Running;
            _served[next.Tenant] = ++_number;
        }
    }

    private bool MayRun(PlainTurn turn) => turn.State == TurnState.Waiting &&
        Count(TurnState.Running, turn.Tenant, null) < (turn.Tenant == "a" ? 4 : _max) &&
        Count(TurnState.Running, null, turn.Model) < CallsMax(turn) &&
        Count(TurnState.Running, null, null) < _max;

    // Turns are in the order of their arrival, and the first of equals is taken.
    private (double Share, long Served) Rank(PlainTurn turn) => (Math.Max(
        (Count(TurnState.Running, turn.Tenant, null) + 1.0) / _max,
        (Count(TurnState.Running, turn.Tenant, turn.Model) + 1.0) / CallsMax(turn)) / (turn.Tenant == "a" ? 2 : 1),
        _served.GetValueOrDefault(turn.Tenant));

    private static int CallsMax(PlainTurn turn) => turn.Model switch { "x" => 3, "y" => 5, _ => int.MaxValue };

    private int Count(TurnState state, string? tenant, string? model) => Turns.Count(turn => turn.State == state &&
        (tenant is null || turn.Tenant == tenant) && (model is null || turn.Model == model));
}
