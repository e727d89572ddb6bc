using Evergrain.Conversations.Ports;

namespace Evergrain.Silo.Composition;

/// <summary>Waits, when a process starts, for a journal's store that cannot be reached yet, and says so once.</summary>
/// <param name="timeMax">How long.</param>
/// <param name="isAway">Whether a failure may pass by itself.</param>
/// <param name="time">The clock.</param>
/// <param name="output">Gets the line.</param>
internal sealed class StartPatience(
    TimeSpan timeMax, Func<Exception, bool> isAway, TimeProvider time, TextWriter output)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private readonly long _begun = time.GetTimestamp();
    private bool _hasSaid;

    /// <summary>Opens something; again, while the store is away.</summary>
    /// <exception cref="JournalUnavailableException">It refuses, or stayed away.</exception>
    public async Task<T> OpenAsync<T>(Func<Task<T>> open, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                return await open();
            }
            catch (JournalUnavailableException e) when (e.InnerException is { } inner && isAway(inner) &&
                time.GetElapsedTime(_begun) < timeMax)
            {
                await SayAsync(e);
            }

            await Task.Delay(Pause, time, cancellationToken);
        }
    }

    private async Task SayAsync(JournalUnavailableException failure)
    {
        if (!_hasSaid)
        {
            _hasSaid = true;
            await output.WriteLineAsync(
                $"evergrain: {failure.Message} The process waits for it, {timeMax} at most.");
        }
    }
}
