using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Tests.Simulation;

/// <summary>
/// Finds a short plan that breaks the same invariant: leaves steps out, ever fewer at a time, as long as it still does.
/// Source: Zeller, Hildebrandt, "Simplifying and isolating failure-inducing input", IEEE TSE 28(2), 2002.
/// </summary>
internal static class Shrinking
{
    // Some seconds: a plan has at most forty steps, and most runs of a part of it take a few milliseconds.
    private const int RunsMax = 1000;

    public static Plan Shortest(Plan plan, string invariant, Mistake? mistake)
    {
        var (steps, runs) = (plan.Steps.ToList(), 0);
        for (var chunk = steps.Count / 2; chunk > 0 && runs < RunsMax;)
        {
            var isShorter = false;
            for (var from = 0; from < steps.Count && runs < RunsMax; runs++)
            {
                var left = steps.Where((_, i) => i < from || i >= from + chunk).ToList();
                if (Run.Of(plan with { Steps = left }, mistake).Broken?.Invariant == invariant)
                {
                    (steps, isShorter) = (left, true);
                }
                else
                {
                    from += chunk;
                }
            }

            chunk = isShorter && chunk == 1 ? 1 : chunk / 2;
        }

        return plan with { Steps = steps };
    }

    /// <summary>The seed, the invariant and the shortest way to break it, for people.</summary>
    public static string Story(Plan plan, BrokenInvariantException broken, Mistake? mistake = null)
    {
        var shortest = Shortest(plan, broken.Invariant, mistake);
        var outcome = Run.Of(shortest, mistake, isTold: true);
        var (all, left) = (plan.Steps.Count, shortest.Steps.Count);
        return $"""
            seed {plan.Seed}: {broken.Message}
            EVERGRAIN_SEED={plan.Seed} replays it. Of its {all} steps these {left} are enough:
              {string.Join("\n  ", outcome.Words)}
            then faults stop, and: {outcome.Broken?.Message}
            """;
    }
}
