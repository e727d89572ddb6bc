using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Lifetimes;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Recognition;
using Evergrain.Grains;
using Evergrain.Suites.Hosts;
using Microsoft.Extensions.DependencyInjection;

namespace Evergrain.Cluster.Tests;

/// <summary>
/// A cluster of two silos as the contract sees it: one host. Restarting and killing it means all its silos; that
/// single ones go is in <c>SiloDeathTests</c>.
/// </summary>
internal sealed class ClusterHost : ContractHost
{
    // Silos that no test has killed, for the next test; one at a time runs.
    private static TestSilos? _spare;
    private readonly TestWorld _world;
    private readonly bool _isShared;
    private TestSilos _silos;

    private ClusterHost(TestWorld world, TestSilos silos, bool isShared)
    {
        (_world, _silos, _isShared) = (world, silos, isShared);
        Counts.Follow(silos.Meters);
    }

    /// <summary>The silos as they are now.</summary>
    public TestSilos Silos => _silos;

    public TestWorld World => _world;

    /// <summary>What is done with the journal when the host is disposed; null: nothing.</summary>
    public Func<Task>? Disposing { get; set; }

    public override GatedModel Model => _world.Model;

    public override ManualTime Time => _world.Time;

    public override FaultyJournal Faults => _world.Faults;

    public override IJournal Store => _world.Journal;

    public override RecognitionIndex? Known => _silos.Known;

    public override WarmCalls Warm => _silos.Cluster.Silos[0].ServiceProvider.GetRequiredService<WarmCalls>();

    public override ErrorLog Log => _world.Log;

    public override ITurns Turns => _silos.Turns;

    public override IConversations Conversations => _silos.Conversations;

    /// <summary>Two silos in a world of the test's own, shared with the tests before and after it.</summary>
    public static Task<ClusterHost> StartAsync() => StartAsync(new TestWorld());

    /// <summary>The same in a world that is there.</summary>
    public static async Task<ClusterHost> StartAsync(TestWorld world)
    {
        var silos = Interlocked.Exchange(ref _spare, null) ?? await TestSilos.StartAsync(world);
        silos.Enter(world);
        return new ClusterHost(world, silos, isShared: true);
    }

    /// <summary>Silos for one test alone.</summary>
    public static async Task<ClusterHost> StartAloneAsync(TestWorld world, short count = 2,
        ConversationClusterOptions? options = null) =>
        new(world, await TestSilos.StartAsync(world, count, options), isShared: false);

    public override Task PassivateAsync() => _silos.PassivateAsync();

    public override void ReturnJournal()
    {
        foreach (var silo in _silos.Cluster.Silos)
        {
            silo.ServiceProvider.GetRequiredService<JournalReturns>().Returned();
        }
    }

    public override async Task RestartAsync()
    {
        await _silos.DisposeAsync();
        _silos = await StartSilosAsync();
    }

    public override async Task KillAsync()
    {
        // The dead silos log that their journal fails.
        _world.Log.Expect(101, 102, 103);
        _silos.KillJournals();
        var dead = _silos;
        _silos = await StartSilosAsync();
        await dead.DisposeAsync();
    }

    public override async ValueTask DisposeAsync()
    {
        var unused = _silos;
        if (_isShared)
        {
            // Also what holds unstored turns: in the next test's journal it would find nothing of its own.
            await _silos.DeactivateAllAsync();
            unused = Interlocked.Exchange(ref _spare, _silos);
        }

        if (unused is not null)
        {
            await unused.DisposeAsync();
        }

        if (Disposing is { } dispose)
        {
            await dispose();
        }

        await base.DisposeAsync();
    }

    private async Task<TestSilos> StartSilosAsync()
    {
        var silos = await TestSilos.StartAsync(_world);
        Counts.Follow(silos.Meters);
        return silos;
    }
}
