namespace Evergrain.Conversations.Timing;

/// <summary>
/// What a turn waits for. Each instant of a turn belongs to one phase; docs/timing.md says to which where two would do.
/// </summary>
public enum TurnPhase
{
    /// <summary>What no other phase explains: calls between processes, and threads that are not free.</summary>
    Transport,

    /// <summary>For its place: behind other turns, and for room for its bytes.</summary>
    Queue,

    /// <summary>For the check on its new input.</summary>
    Check,

    /// <summary>For its context: reading the journal, validating, rendering and digesting what is new.</summary>
    Context,

    /// <summary>For the first event of the model's answer.</summary>
    ModelWait,

    /// <summary>For the next events of the model's answer.</summary>
    ModelStream,

    /// <summary>For the journal, while events wait that are ready.</summary>
    Persist,

    /// <summary>For its client to take events, when the turn itself is over.</summary>
    Deliver,
}

/// <summary>The phases, and their names in metrics, events and headers.</summary>
public static class TurnPhases
{
    private static readonly string[] Names =
        ["transport", "queue", "check", "context", "model_wait", "model_stream", "persist", "deliver"];

    /// <summary>Every phase, in the order of a turn's way.</summary>
    public static IReadOnlyList<TurnPhase> All { get; } = Enum.GetValues<TurnPhase>();

    /// <summary>A phase's name: lower case, words joined by <c>_</c>.</summary>
    public static string NameOf(TurnPhase phase) => Names[(int)phase];
}
