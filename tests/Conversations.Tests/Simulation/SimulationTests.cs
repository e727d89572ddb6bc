using System.Globalization;
using Xunit.Abstractions;

namespace Evergrain.Conversations.Tests.Simulation;

/// <summary>Many lives of conversations with everything that can go wrong; see <see cref="World"/>.</summary>
/// <remarks><c>EVERGRAIN_SEED</c> replays one of them and prints all that happens.</remarks>
public sealed class SimulationTests(ITestOutputHelper output)
{
    private const ulong SeedsShort = 5_000;
    private const ulong SeedsLong = 1_000_000;
    private const ulong Portion = 500;
    private const ulong RepeatedSeeds = 60;

    [Fact]
    public void Hosts_WithEveryFault_KeepEveryInvariant()
    {
        if (Environment.GetEnvironmentVariable("EVERGRAIN_SEED") is { Length: > 0 } seed)
        {
            Replay(ulong.Parse(seed, CultureInfo.InvariantCulture));
            return;
        }

        var isLong = Environment.GetEnvironmentVariable("EVERGRAIN_LONG") is not null;
        var (seeds, cores) = isLong ? (SeedsLong, Environment.ProcessorCount) : (SeedsShort, 1);
        var (tally, begun) = (new Tally(), TimeProvider.System.GetTimestamp());
        Parallel.For(0L, (long)(seeds / Portion), new ParallelOptions { MaxDegreeOfParallelism = cores },
            (portion, loop) =>
            {
                var part = new Tally();
                part.Run(1 + ((ulong)portion * Portion), Portion);
                if (tally.Add(part))
                {
                    loop.Break();
                }
            });
        Assert.True(tally.Broken is null, tally.Story());
        var rate = seeds / TimeProvider.System.GetElapsedTime(begun).TotalSeconds;
        Note($"{seeds} seeds keep every invariant, {rate:0} seeds/s on {cores} core(s)");
        Note($"late appends: {tally.LateStored} stored, {tally.LateRefused} refused; an activation that was " +
            $"behind the journal answered as of an earlier time {tally.StaleViews} times");
        Tell(tally.Faults);
    }

    [Fact]
    public void Seed_TwiceOnceBesideABusyLoop_GivesTheSameTrace()
    {
        ulong[] first = [.. Hashes()];
        using var stop = new ManualResetEventSlim();
        var busy = new Thread(() =>
        {
            for (var spins = 0UL; !stop.IsSet;)
            {
                spins++;
            }
        });
        busy.Start();
        ulong[] second = [.. Hashes()];
        stop.Set();
        busy.Join();
        Assert.Equal(first, second);
        Assert.Equal(first.Length, first.Distinct().Count());
        Note($"{first.Length} seeds gave the same traces beside a busy loop, the first {first[0]:x16}");
    }

    private static IEnumerable<ulong> Hashes()
    {
        for (var seed = 1UL; seed <= RepeatedSeeds; seed++)
        {
            yield return Run.Of(Plan.Of(seed)).Trace.Hash;
        }
    }

    private void Replay(ulong seed)
    {
        var plan = Plan.Of(seed);
        var outcome = Run.Of(plan, isTold: true);
        output.WriteLine(string.Join('\n', outcome.Trace.Lines));
        Assert.True(outcome.Broken is null, outcome.Broken is { } broken ? Shrinking.Story(plan, broken) : null);
    }

    private void Tell(FaultCounts faults)
    {
        var never = new List<string>();
        foreach (var first in Enum.GetValues<Fault>())
        {
            var pairs = Enum.GetValues<Fault>().Where(second => second > first)
                .Select(second => (second, Runs: faults.Of(first, second))).ToList();
            never.AddRange(pairs.Where(static pair => pair.Runs == 0).Select(pair => $"{first} with {pair.second}"));
            Note($"{first} in {faults.Of(first, first)} runs; with " +
                string.Join(", ", pairs.Select(static pair => $"{pair.second} {pair.Runs}")));
        }

        Assert.True(never.Count == 0, $"never happened in one run: {string.Join("; ", never)}");
    }

    private void Note(string line) => output.WriteLine($"[note] simulation: {line}");

    /// <summary>What came of some seeds.</summary>
    private sealed class Tally
    {
        private ulong _brokenSeed;

        public FaultCounts Faults { get; } = new();

        public BrokenInvariantException? Broken { get; private set; }

        public long LateStored { get; private set; }

        public long LateRefused { get; private set; }

        public long StaleViews { get; private set; }

        public void Run(ulong first, ulong count)
        {
            for (var seed = first; seed < first + count && Broken is null; seed++)
            {
                var outcome = Simulation.Run.Of(Plan.Of(seed));
                Faults.Add(outcome.Faults);
                LateStored += outcome.Late.Stored;
                LateRefused += outcome.Late.Refused;
                StaleViews += outcome.StaleViews;
                (Broken, _brokenSeed) = (outcome.Broken, seed);
            }
        }

        /// <summary>Adds another's; says whether an invariant is broken.</summary>
        public bool Add(Tally other)
        {
            lock (Faults)
            {
                Faults.Add(other.Faults);
                LateStored += other.LateStored;
                LateRefused += other.LateRefused;
                StaleViews += other.StaleViews;
                if (other.Broken is not null && (Broken is null || other._brokenSeed < _brokenSeed))
                {
                    (Broken, _brokenSeed) = (other.Broken, other._brokenSeed);
                }

                return Broken is not null;
            }
        }

        public string? Story() => Broken is null ? null : Shrinking.Story(Plan.Of(_brokenSeed), Broken);
    }
}
