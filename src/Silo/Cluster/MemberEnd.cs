using Orleans.Runtime;

namespace Evergrain.Silo.Cluster;

/// <summary>
/// The end of a process that the cluster has declared dead, or in which Orleans cannot go on: one line and an exit
/// code. Orleans itself would abort, with a dump.
/// </summary>
/// <remarks>
/// It ends at once. Others run its conversations already, and the journal refuses what it would still write.
/// </remarks>
/// <param name="say">Writes the line.</param>
/// <param name="exit">Ends the process.</param>
internal sealed class MemberEnd(Action<string> say, Action<int> exit) : IFatalErrorHandler
{
    /// <summary>The exit code. Others mean a refused start (1) and a signal (128 and more).</summary>
    public const int ExitCode = 3;

    private int _hasEnded;

    /// <inheritdoc/>
    public bool IsUnexpected(Exception exception) => true;

    /// <inheritdoc/>
    public void OnFatalException(object? sender = null, string? context = null, Exception? exception = null)
    {
        if (Interlocked.Exchange(ref _hasEnded, 1) != 0)
        {
            return;
        }

        say(exception is null
            ? "evergrain: the cluster has declared this process dead, since it did not answer in time; it ends now, " +
                "and nothing acknowledged is lost: start it again."
            : $"evergrain: this process cannot go on in its cluster ({exception.GetType().Name}: " +
                $"{exception.Message.ReplaceLineEndings(" ")}); it ends now: start it again.");
        exit(ExitCode);
    }
}
