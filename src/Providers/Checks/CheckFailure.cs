using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Checks;

/// <summary>Every way in which a check cannot be made.</summary>
public enum CheckFailureKind
{
    /// <summary>It took longer than it may.</summary>
    TimedOut,

    /// <summary>The endpoint could not be reached, or the connection broke.</summary>
    Unreachable,

    /// <summary>The endpoint answered with another status than 200.</summary>
    WrongStatus,

    /// <summary>The endpoint's answer is not one, or too long.</summary>
    WrongAnswer,
}

/// <summary>A check that could not be made, in words for the operator that hold nothing of the input.</summary>
/// <param name="Kind">The closed kind.</param>
/// <param name="Message">What happened: <c>the endpoint answered with status 500</c>.</param>
public sealed record CheckFailure(CheckFailureKind Kind, string Message);

/// <summary>Carries a failure from where it is found to where it is decided what it means.</summary>
internal sealed class CheckFailedException(CheckFailureKind kind, string message) : Exception(message)
{
    public CheckFailure Failure { get; } = new(kind, message);
}

/// <summary>What a client is told.</summary>
internal static class CheckRefusals
{
    public const string DefaultReason = "The input was refused.";

    /// <summary>Characters of a reason: enough for a paragraph, too few to make an answer large.</summary>
    public const int ReasonCharsMax = 500;

    // The longest path of a field that a reason can be about is far shorter.
    private const int ParamCharsMax = 128;

    public static Refusal Refused(string? reason, string? param) => new(RefusalKind.InputRefused,
        string.IsNullOrEmpty(reason) ? DefaultReason : Cut(reason, ReasonCharsMax),
        string.IsNullOrEmpty(param) ? null : Cut(param, ParamCharsMax));

    public static Refusal Unavailable(TimeSpan retryAfter) => new(RefusalKind.Unavailable,
        "New input cannot be checked now: try again.")
    {
        RetryAfter = retryAfter,
    };

    // Never between the halves of a character.
    private static string Cut(string text, int chars) => text.Length <= chars
        ? text
        : text[..(char.IsHighSurrogate(text[chars - 1]) ? chars - 1 : chars)];
}
