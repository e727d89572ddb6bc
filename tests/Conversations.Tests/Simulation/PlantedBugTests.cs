using System.Text;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Items;
using Xunit.Abstractions;

namespace Evergrain.Conversations.Tests.Simulation;

/// <summary>The simulation finds mistakes that are made around the product for it.</summary>
public sealed class PlantedBugTests(ITestOutputHelper output)
{
    // Each is found within ten.
    private const ulong SeedsMax = 100;

    private static readonly Dictionary<string, Mistake> Mistakes = new Mistake[]
    {
        new AcknowledgedBeforeStored(), new EndAcknowledgedBeforeStored(), new NoFence(), new ClaimsDropped(),
        new RequestIdForgotten(), new NumberIgnored(), new ChangedTurnForgotten(),
        new ComparesShortKeys(),
    }.ToDictionary(static mistake => mistake.GetType().Name);

    public static TheoryData<string, string[]> Bugs => new()
    {
        { nameof(AcknowledgedBeforeStored), [Invariant.EndIsDurable, Invariant.StartIsDurable] },
        {
            nameof(EndAcknowledgedBeforeStored),
            [Invariant.EndIsDurable, Invariant.OneTerminalEvent, Invariant.CallIsDurable]
        },
        { nameof(NoFence), [Invariant.AppendsStandAtTheEnd] },
        { nameof(ClaimsDropped), [Invariant.TakeoverClaims] },
        { nameof(RequestIdForgotten), [Invariant.OneTurnPerRequest] },
        { nameof(NumberIgnored), [Invariant.NumbersOnce] },
        { nameof(ChangedTurnForgotten), [Invariant.ChangeIsDurable] },
        { nameof(ComparesShortKeys), [Invariant.ContextAsSent] },
    };

    [Theory]
    [MemberData(nameof(Bugs))]
    public void Simulation_Mistake_FindsIt(string name, string[] invariants)
    {
        var mistake = Mistakes[name];
        for (var seed = 1UL; seed <= SeedsMax; seed++)
        {
            var plan = Plan.Of(seed);
            if (Run.Of(plan, mistake).Broken is not { } broken)
            {
                continue;
            }

            Assert.Contains(broken.Invariant, invariants);
            var shortest = Shrinking.Shortest(plan, broken.Invariant, mistake);
            Assert.Equal(broken.Invariant, Run.Of(shortest, mistake).Broken?.Invariant);
            Assert.Null(Run.Of(shortest).Broken);
            output.WriteLine($"[note] simulation: {name} is found at seed {seed} of at most {SeedsMax}, with " +
                $"{shortest.Steps.Count} of {plan.Steps.Count} steps: {broken.Invariant}");
            output.WriteLine(Shrinking.Story(plan, broken, mistake));
            return;
        }

        Assert.Fail($"{name} is not found in {SeedsMax} seeds");
    }

    [Fact]
    public void Simulation_IndexThatComparesShortKeys_HarmsNothing()
    {
        var misled = 0;
        for (var seed = 1UL; seed <= SeedsMax; seed++)
        {
            var outcome = Run.Of(Plan.Of(seed), new IndexComparesShortKeys());
            Assert.True(outcome.Broken is null, $"seed {seed}: {outcome.Broken?.Message}");
            misled += outcome.Misled;
        }

        Assert.True(misled > 0, "the index was never wrong");
        output.WriteLine($"[note] simulation: an index named another history {misled} times in {SeedsMax} seeds");
    }

    [Fact]
    public void Twins_Keys_DifferBehind32Bits()
    {
        var (first, second) = (KeyOf(TwinAnswers.First), KeyOf(TwinAnswers.Second));

        Assert.Equal(first.AsSpan()[..4], second.AsSpan()[..4]);
        Assert.NotEqual(first, second);
    }

    private static Digest KeyOf(byte[] answer)
    {
        var asked = ItemDigest.Chain(ItemDigest.Root, TwinAnswers.Question);
        return SimulatedIndex.KeyOf(ItemDigest.Chain(asked, Encoding.UTF8.GetBytes(
            $$"""{"role":"assistant","content":"{{Encoding.UTF8.GetString(answer)}}"}""")));
    }
}
