using Evergrain.Frontend.Admission;

namespace Evergrain.Frontend.Turns;

/// <summary>
/// Decides whether what a socket's bytes ask for may run on the thread that received them. That saves a way through the
/// thread pool, some 50 to 100 µs on a machine at rest, and holds up every other socket that the thread polls; so only
/// small requests may, and only while few turns run.
/// </summary>
internal sealed class PollingThread(TurnGate turns)
{
    // A create of this size is read and begun in well under a millisecond.
    private const int BytesMax = 64 << 10;

    // As many starts as the processors work on at a time; when thousands come at once all but the first few leave.
    private static readonly int RunningMax = 4 * Environment.ProcessorCount;

    /// <summary>Leaves the thread if a request of so many bytes would keep it too long, or if it is needed.</summary>
    public async ValueTask LeaveAsync(int bytes = 0)
    {
        if (bytes > BytesMax || turns.Running >= RunningMax)
        {
            await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        }
    }
}
