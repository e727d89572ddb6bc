using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Tests.Simulation;
using Evergrain.Providers.Azure;
using Evergrain.Tests.Services;
using Xunit.Abstractions;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>
/// The simulation's lives over Azurite: each host has a journal of its own, as a process has. The ways to the storage
/// are cut at each thirtieth request, and a tail is sealed after four appends. At the end each log must tell the same
/// as before.
/// </summary>
[Trait("Needs", "Azurite")]
[Collection(AzuriteCollection.Name)]
public sealed class AzureSimulationTests(AzuriteServer server, ITestOutputHelper output) : AzureFixture(server)
{
    private const int SeedsShort = 40;
    private const int SeedsLong = 2_000;
    private const int AtOnceMax = 3;
    private const int TailBlocks = 4;
    private const int RequestsForACut = 30;

    [Fact]
    public async Task Hosts_OverStorageWhoseWaysAreCut_KeepEveryInvariant()
    {
        var isLong = Environment.GetEnvironmentVariable("EVERGRAIN_LONG") is { Length: > 0 };
        var seeds = isLong ? SeedsLong : SeedsShort;
        RequestWatch[] watches = [NewWatch(), NewWatch()];
        AzureJournal[] journals = [await OpenSealingAsync(watches[0]), await OpenSealingAsync(watches[1])];
        Array.ForEach(watches, static watch => watch.CutEach(RequestsForACut));
        var bounds = new ParallelOptions { MaxDegreeOfParallelism = AtOnceMax, CancellationToken = Token };
        await Parallel.ForAsync(1, seeds + 1, bounds, (seed, _) =>
        {
            var plan = Plan.Of((ulong)seed);
            var broken = Run.Of(plan, stores: host => journals[host % journals.Length]).Broken;
            Assert.True(broken is null, $"seed {seed}: {broken}");
            return ValueTask.CompletedTask;
        });
        var cuts = watches.Sum(static watch => watch.Cuts);
        output.WriteLine($"[note] simulation over Azurite: {seeds} seeds keep every invariant, {cuts} requests or " +
            $"answers were cut; {journals[0].Counters}; {journals[1].Counters}");
        Assert.All(watches, static watch => Assert.NotEqual(0, watch.Cuts));
        Assert.All(journals, static journal => Assert.NotEqual(0, journal.Counters.Rolled));
        Assert.All(journals, static journal => Assert.Equal(0, journal.Counters.Failed));
    }

    // What the simulation looks for it finds here too.
    [Fact]
    public async Task Journal_ThatForgetsRequests_IsFound()
    {
        IJournal[] journals = [await OpenSealingAsync(watch: null)];
        for (var seed = 1UL; seed <= 10; seed++)
        {
            var broken = await Task.Run(
                () => Run.Of(Plan.Of(seed), new RequestIdForgotten(), stores: _ => journals[0]).Broken, Token);
            if (broken is not null)
            {
                return;
            }
        }

        Assert.Fail("Ten seeds found nothing.");
    }

    private Task<AzureJournal> OpenSealingAsync(RequestWatch? watch) => OpenAsync(watch, tailBlocks: TailBlocks);
}
