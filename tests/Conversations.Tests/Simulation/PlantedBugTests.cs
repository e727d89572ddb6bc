using System.Text.RegularExpressions;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Tests.Style;
using Evergrain.Conversations.Turns;
using Xunit.Abstractions;

namespace Evergrain.Conversations.Tests.Simulation;

/// <summary>The simulation finds mistakes that are put there for it.</summary>
public sealed partial class PlantedBugTests(ITestOutputHelper output)
{
    // Each is found within ten.
    private const ulong SeedsMax = 100;

    public static TheoryData<int, string[]> Bugs => new()
    {
        { (int)PlantedBug.ApplyBeforeWrite, [Invariant.EndIsDurable, Invariant.StartIsDurable] },
        { (int)PlantedBug.TerminalEventBeforeDurable, [Invariant.EndIsDurable, Invariant.OneTerminalEvent] },
        { (int)PlantedBug.NoFence, [Invariant.AppendsStandAtTheEnd] },
        { (int)PlantedBug.TakeoverWithoutClaim, [Invariant.TakeoverClaims] },
        { (int)PlantedBug.RequestIdForgotten, [Invariant.OneTurnPerRequest] },
        { (int)PlantedBug.NoNumberCheck, [Invariant.NumbersOnce] },
    };

    [Theory]
    [MemberData(nameof(Bugs))]
    public void Simulation_PlantedBug_FindsIt(int bug, string[] invariants)
    {
        var planted = (PlantedBug)bug;
        for (var seed = 1UL; seed <= SeedsMax; seed++)
        {
            var plan = Plan.Of(seed);
            if (Run.Of(plan, planted).Broken is not { } broken)
            {
                continue;
            }

            Assert.Contains(broken.Invariant, invariants);
            var shortest = Shrinking.Shortest(plan, broken.Invariant, planted);
            Assert.Equal(broken.Invariant, Run.Of(shortest, planted).Broken?.Invariant);
            Assert.Null(Run.Of(shortest).Broken);
            output.WriteLine($"[note] simulation: {planted} is found at seed {seed} of at most {SeedsMax}, with " +
                $"{shortest.Steps.Count} of {plan.Steps.Count} steps: {broken.Invariant}");
            output.WriteLine(Shrinking.Story(plan, broken, planted));
            return;
        }

        Assert.Fail($"{planted} is not found in {SeedsMax} seeds");
    }

    [Fact]
    public void Source_Product_PlantsNone()
    {
        Assert.Equal(PlantedBug.None, new InMemoryJournal().Planted);
        var files = SourceTree.Files("src").Where(file => File.ReadAllText(file).Contains("Planted")).ToList();
        Assert.NotEmpty(files);
        Assert.DoesNotContain(files, file => Planting().IsMatch(File.ReadAllText(file)));
    }

    // Setting the property, in an initializer or elsewhere, and not declaring or reading it.
    [GeneratedRegex(@"\bPlanted\s*\|?=[^=>]", RegexOptions.NonBacktracking)]
    private static partial Regex Planting();
}
