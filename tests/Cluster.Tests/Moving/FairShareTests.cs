using Evergrain.Conversations.Ports;
using Evergrain.Grains.Moving;

namespace Evergrain.Cluster.Tests.Moving;

/// <summary>What silos give to each other, each by itself from the same counts.</summary>
public sealed class FairShareTests
{
    [Theory]
    [InlineData(50, new[] { 50, 50 })]
    [InlineData(61, new[] { 45, 44 })]
    [InlineData(1, new[] { 0 })]
    [InlineData(1, new[] { 0, 0, 0 })]
    [InlineData(0, new[] { 90 })]
    [InlineData(7, new int[0])]
    public void ToGive_WhereAllHoldAboutTheSame_IsNothing(int own, int[] others) =>
        Assert.All(FairShare.ToGive(own, others, new SeededIdSource(1)), static give => Assert.Equal(0, give));

    [Fact]
    public void ToGive_ToOneThatJoinsThree_IsWhatItLacksInAll()
    {
        var chance = new SeededIdSource(2);
        var given = Enumerable.Range(0, 3).Sum(_ => FairShare.ToGive(68, [68, 68, 0], chance)[2]);

        Assert.Equal(51, given);
    }

    [Fact]
    public void ToGive_RoundAfterRound_EvensOutAndEnds()
    {
        var seed = new RandomIdSource().Next64();
        var chance = new SeededIdSource(seed);
        for (var run = 0; run < 2000; run++)
        {
            var counts = new int[2 + (int)(chance.Next64() % 9)];
            foreach (ref var count in counts.AsSpan())
            {
                count = (int)(chance.Next64() % (1UL << (int)(chance.Next64() % 12)));
            }

            var (total, begun) = (counts.Sum(), string.Join(' ', counts));
            var rounds = 0;
            while (MoveOnce(counts, chance))
            {
                Assert.True(++rounds < 30, $"seed {seed}: {begun} still moves: {string.Join(' ', counts)}");
            }

            var share = total / (double)counts.Length;
            Assert.Equal(total, counts.Sum());
            var (least, most) = ((share * 0.75) - counts.Length, (share * 1.25) + counts.Length);
            Assert.True(counts.Min() >= least && counts.Max() <= most,
                $"seed {seed}: {begun} ends at {string.Join(' ', counts)}");
        }
    }

    // All at once, as silos that do not wait for each other.
    private static bool MoveOnce(int[] counts, SeededIdSource chance)
    {
        var moves = counts.Select((own, self) =>
            FairShare.ToGive(own, [.. counts.Where((_, other) => other != self)], chance)).ToList();
        for (var self = 0; self < counts.Length; self++)
        {
            for (var i = 0; i < moves[self].Length; i++)
            {
                counts[self] -= moves[self][i];
                counts[i < self ? i : i + 1] += moves[self][i];
            }
        }

        return moves.Exists(static give => give.Sum() > 0);
    }
}
