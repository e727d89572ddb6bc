using System.Runtime.InteropServices;

namespace Evergrain.Silo.Composition;

/// <summary>
/// Ends the process at once when it is told to stop a second time: whoever waits for a drain of many minutes may not
/// want to. Nothing acknowledged is lost, as with a process that is killed.
/// </summary>
internal sealed class StopSignals : IDisposable
{
    // A process that a signal ended: the shells' convention.
    private const int SignalExit = 128;

    private readonly List<PosixSignalRegistration> _registrations;
    private int _told;

    public StopSignals() => _registrations =
    [
        PosixSignalRegistration.Create(PosixSignal.SIGINT, _ => Told(SignalExit + 2)),
        PosixSignalRegistration.Create(PosixSignal.SIGTERM, _ => Told(SignalExit + 15)),
    ];

    /// <inheritdoc/>
    public void Dispose() => _registrations.ForEach(static registration => registration.Dispose());

    private void Told(int exitCode)
    {
        if (Interlocked.Increment(ref _told) == 2)
        {
            Console.Error.WriteLine("evergrain: told to stop again, so it ends now; running turns end as interrupted.");
            Environment.Exit(exitCode);
        }
    }
}
