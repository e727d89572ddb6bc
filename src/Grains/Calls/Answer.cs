using Evergrain.Conversations.Ports;

namespace Evergrain.Grains.Calls;

/// <summary>What became of a call.</summary>
[GenerateSerializer]
[Alias("evergrain.AnswerKind")]
public enum AnswerKind
{
    /// <summary>It was done.</summary>
    Given = 0,

    /// <summary>It is refused; the client is told why.</summary>
    Refused = 1,

    /// <summary>The activation that was asked is over: ask again, another begins.</summary>
    AskAgain = 2,
}

/// <summary>
/// What a grain answers. Expected failures are values, not exceptions: nothing is thrown across a connection that a
/// client may see.
/// </summary>
/// <typeparam name="T">What is given.</typeparam>
[GenerateSerializer]
[Immutable]
[Alias("evergrain.Answer`1")]
public sealed class Answer<T>
{
    /// <summary>What became of the call.</summary>
    [Id(0)]
    public AnswerKind Kind { get; init; }

    /// <summary>What was asked for, where it is given.</summary>
    [Id(1)]
    public T? Value { get; init; }

    /// <summary>Why not, where it is refused.</summary>
    [Id(2)]
    public Refusal? Refusal { get; init; }
}

/// <summary>Makes answers.</summary>
internal static class Answer
{
    public static Answer<T> Given<T>(T value) => new() { Kind = AnswerKind.Given, Value = value };

    public static Answer<T> Refused<T>(Refusal refusal) => new() { Kind = AnswerKind.Refused, Refusal = refusal };

    public static Answer<T> AskAgain<T>() => new() { Kind = AnswerKind.AskAgain };
}
