using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Tests.Simulation;

/// <summary>What a step does.</summary>
internal enum StepKind
{
    Create,
    Read,
    Get,
    Cancel,
    Delete,
    Expire,
    Change,
    Replay,
    DropIndex,
    Resend,
    ReuseKey,
    Disconnect,
    Pause,
    Crash,
    Drain,
    Migrate,
    Duplicate,
    AppendFails,
    AppendFailsAfter,
    AppendDelayed,
    AppendLate,
    LoseAcknowledgement,
    ReadStale,
    ReadFails,
}

/// <summary>One step of a plan.</summary>
/// <param name="Wait">Milliseconds before it.</param>
/// <param name="Kind">What it does.</param>
/// <param name="Dice">What decides the rest, and all that it causes.</param>
internal readonly record struct Step(int Wait, StepKind Kind, ulong Dice);

/// <summary>A run as it is planned: the same plan gives the same run.</summary>
internal sealed record Plan(ulong Seed, IReadOnlyList<Step> Steps)
{
    // How often each step comes, of all of them.
    private static readonly (StepKind Kind, int Weight)[] Weights =
    [
        (StepKind.Create, 34), (StepKind.Read, 8), (StepKind.Get, 6), (StepKind.Cancel, 4), (StepKind.Delete, 2),
        (StepKind.Expire, 1), (StepKind.Change, 3), (StepKind.Replay, 9), (StepKind.DropIndex, 1),
        (StepKind.Resend, 8), (StepKind.ReuseKey, 2), (StepKind.Disconnect, 4),
        (StepKind.Pause, 5), (StepKind.Crash, 3), (StepKind.Drain, 2), (StepKind.Migrate, 4), (StepKind.Duplicate, 4),
        (StepKind.AppendFails, 2), (StepKind.AppendFailsAfter, 3), (StepKind.AppendDelayed, 3),
        (StepKind.AppendLate, 3), (StepKind.LoseAcknowledgement, 3), (StepKind.ReadStale, 4), (StepKind.ReadFails, 2),
    ];

    private static readonly int WeightSum = Weights.Sum(static weight => weight.Weight);

    /// <summary>The plan of a seed.</summary>
    public static Plan Of(ulong seed)
    {
        var dice = new SeededIdSource(seed);
        var steps = new Step[16 + (int)(dice.Next64() % 24)];
        for (var i = 0; i < steps.Length; i++)
        {
            var wait = dice.Next64() % 4 == 0 ? dice.Next64() % 1000 : dice.Next64() % 40;
            steps[i] = new Step((int)wait, KindOf((int)(dice.Next64() % (ulong)WeightSum)), dice.Next64());
        }

        return new Plan(seed, steps);
    }

    private static StepKind KindOf(int place)
    {
        foreach (var (kind, weight) in Weights)
        {
            place -= weight;
            if (place < 0)
            {
                return kind;
            }
        }

        throw new InvalidOperationException("a place beyond all weights");
    }
}
