using Evergrain.Conversations.Turns;
using Xunit.Abstractions;

namespace Evergrain.Conversations.Tests.Simulation;

public sealed class SimulationTests(ITestOutputHelper output)
{
    [Fact]
    public void Hosts_WithEveryFault_KeepEveryInvariant()
    {
        var seed = Environment.GetEnvironmentVariable("EVERGRAIN_SEED");
        var count = int.Parse(Environment.GetEnvironmentVariable("N") ?? "500", System.Globalization.CultureInfo.InvariantCulture);
        var counts = new FaultCounts();
        var clock = TimeProvider.System.GetTimestamp();
        var broken = new Dictionary<string, (int Count, ulong Seed, string Detail)>(StringComparer.Ordinal);
        for (ulong s = 1; s <= (ulong)count; s++)
        {
            if (seed is not null)
            {
                s = ulong.Parse(seed, System.Globalization.CultureInfo.InvariantCulture);
            }
            var outcome = Run.Of(Plan.Of(s), PlantedBug.None, seed is not null);
            counts.Add(outcome.Faults);
            if (seed is not null)
            {
                output.WriteLine(string.Join('\n', outcome.Trace.Lines));
                output.WriteLine(outcome.Broken?.ToString() ?? "clean");
                return;
            }

            if (outcome.Broken is { } b)
            {
                broken[b.Invariant] = broken.TryGetValue(b.Invariant, out var k) ? (k.Count + 1, k.Seed, k.Detail) : (1, s, b.Message);
            }
        }

        output.WriteLine($"{count} in {TimeProvider.System.GetElapsedTime(clock)}");
        foreach (var (name, b) in broken)
        {
            output.WriteLine($"{b.Count} x {name}: seed {b.Seed}: {b.Detail}");
        }
        output.WriteLine($"fewest: {string.Join("; ", counts.Pairs().OrderBy(p => p.Runs).Take(12))}");
        Assert.Empty(broken);
    }
}
