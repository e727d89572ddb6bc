using Evergrain.Conversations.Ports;
using Orleans;

namespace Evergrain.Conversations.Hosts;

/// <summary>What became of a question.</summary>
[GenerateSerializer]
[Alias("evergrain.AnswerKind")]
public enum AnswerKind
{
    /// <summary>It was done.</summary>
    Given = 0,

    /// <summary>It is refused; the client is told why.</summary>
    Refused = 1,

    /// <summary>
    /// The activation that was asked is over: the caller asks the next one. A refusal beside it says that the journal
    /// failed, and is the answer if it fails again.
    /// </summary>
    AskAgain = 2,
}

/// <summary>What an activation answers. Expected failures are values, not exceptions.</summary>
/// <typeparam name="T">The type of a given answer.</typeparam>
/// <param name="Kind">What became of the question.</param>
/// <param name="Value">The answer, where it is given.</param>
/// <param name="Refusal">Why not, where it is refused; or why to ask again.</param>
[GenerateSerializer]
[Immutable]
[Alias("evergrain.Answer`1")]
public readonly record struct Answer<T>(
    [property: Id(0)] AnswerKind Kind, [property: Id(1)] T? Value, [property: Id(2)] Refusal? Refusal);

/// <summary>Makes answers.</summary>
public static class Answer
{
    /// <summary>An answer that is given.</summary>
    public static Answer<T> Given<T>(T value) => new(AnswerKind.Given, value, null);

    /// <summary>A refusal.</summary>
    public static Answer<T> Refused<T>(Refusal refusal) => new(AnswerKind.Refused, default, refusal);

    /// <summary>The caller asks the next activation.</summary>
    public static Answer<T> AskAgain<T>(Refusal? reason = null) => new(AnswerKind.AskAgain, default, reason);
}
