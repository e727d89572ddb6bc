using System.Net.Sockets;
using Azure;
using Azure.Identity;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Azure;

/// <summary>What the failures of Azure Storage and of the way to it mean, and how they are said.</summary>
internal static class AzureFault
{
    // Azure's words for what is wrong. They stand in the answer beside the status.
    private static readonly HashSet<string> Gone =
        new(["ContainerNotFound", "ContainerBeingDeleted", "TableNotFound", "TableBeingDeleted"],
            StringComparer.Ordinal);

    /// <summary>Whether the storage, or the way to it, failed.</summary>
    public static bool IsFailure(Exception failure) => failure is RequestFailedException or AggregateException or
        IOException or OperationCanceledException or AuthenticationFailedException;

    /// <summary>Whether no answer came, or one that says to come back later: another try may do better.</summary>
    public static bool IsAway(Exception failure) => failure is not AuthenticationFailedException &&
        (Answer(failure) is not { } answer || answer.Status is 0 or 408 or 429 or >= 500);

    /// <summary>The failure in one sentence: what is wrong, where, and the way out.</summary>
    public static JournalUnavailableException Unavailable(Exception failure, string place) =>
        new(Describe(failure, place), failure) { Brief = BriefOf(failure) };

    /// <summary>Whether the condition of a request was not met: the blob is another one, or is gone.</summary>
    public static bool IsConditionNotMet(RequestFailedException failure) =>
        failure.Status == 412 || IsBlobMissing(failure);

    public static bool IsBlobMissing(RequestFailedException failure) =>
        failure.Status == 404 && !Gone.Contains(failure.ErrorCode ?? "");

    public static bool IsThere(RequestFailedException failure) =>
        failure is { Status: 409, ErrorCode: "BlobAlreadyExists" };

    private static string BriefOf(Exception failure) => IsAway(failure) ? "Azure Storage cannot be reached."
        : Answer(failure) is { ErrorCode: { } code } && Gone.Contains(code)
            ? "The journal's container is gone from Azure Storage."
            : "Azure Storage refuses to store.";

    private static string Describe(Exception failure, string place)
    {
        if (failure is AuthenticationFailedException)
        {
            return $"Azure.Identity gives no token for {place} ({Line(failure)}): give the process an identity, or a " +
                "connection string.";
        }

        var answer = Answer(failure);
        return answer switch
        {
            { Status: 401 or 403 } => $"{place} refuses this process ({Words(answer)}): correct the key, or give its " +
                "identity the roles Storage Blob Data Contributor and Storage Table Data Contributor.",
            { Status: 429 or >= 500 } => $"{place} is busy or failing ({Words(answer)}): see Azure's status.",
            { ErrorCode: { } code } when Gone.Contains(code) =>
                $"{place} has lost the journal's container or a table of it ({code}): restore the account.",
            { Status: > 0 } => $"{place} cannot be read or written ({Words(answer)}): see the account's log.",
            _ when Innermost(failure) is SocketException { SocketErrorCode: SocketError.ConnectionRefused } =>
                $"Nothing listens at {place}: correct the account.",
            _ when Innermost(failure) is SocketException { SocketErrorCode: SocketError.HostNotFound } =>
                $"The host of {place} is not known: correct the account.",
            _ => $"{place} cannot be reached ({Line(Innermost(failure))}): see whether it can be reached from here.",
        };
    }

    // After its last try the SDK throws all failures together.
    private static RequestFailedException? Answer(Exception failure) => failure as RequestFailedException ??
        (failure as AggregateException)?.InnerExceptions.OfType<RequestFailedException>().LastOrDefault();

    private static Exception Innermost(Exception failure)
    {
        var inner = (failure as AggregateException)?.InnerExceptions[^1] ?? failure;
        while (inner.InnerException is { } next)
        {
            inner = next;
        }

        return inner;
    }

    // The message of an answer has its headers too; the code says it.
    private static string Words(RequestFailedException answer) => $"{answer.Status} {answer.ErrorCode}".Trim();

    private static string Line(Exception failure) => failure.Message.Split('\n')[0].Trim().TrimEnd('.');
}
