using Evergrain.Conversations.Ports;
using Evergrain.Providers.Postgres;

namespace Evergrain.Silo.Composition;

/// <summary>Waits, when a process starts, for a PostgreSQL that cannot be reached yet, and says so once.</summary>
/// <param name="options">How long, and the clock.</param>
/// <param name="output">Gets the line.</param>
internal sealed class StartPatience(PostgresJournalOptions options, TextWriter output)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private readonly long _begun = options.Time.GetTimestamp();
    private bool _hasSaid;

    /// <summary>Opens something; again, while PostgreSQL is away.</summary>
    /// <exception cref="JournalUnavailableException">It refuses, or stayed away.</exception>
    public async Task<T> OpenAsync<T>(Func<Task<T>> open, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                return await open();
            }
            catch (JournalUnavailableException e) when (IsAway(e) &&
                options.Time.GetElapsedTime(_begun) < options.StartTimeout)
            {
                await SayAsync(e);
            }

            await Task.Delay(Pause, options.Time, cancellationToken);
        }
    }

    private static bool IsAway(JournalUnavailableException failure) =>
        failure.InnerException is { } inner && PostgresFault.IsConnectionLost(inner);

    private async Task SayAsync(JournalUnavailableException failure)
    {
        if (!_hasSaid)
        {
            _hasSaid = true;
            await output.WriteLineAsync(
                $"evergrain: {failure.Message} The process waits for it, {options.StartTimeout} at most.");
        }
    }
}
