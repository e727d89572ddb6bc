using System.Runtime.InteropServices;

namespace Evergrain.Silo.Composition;

/// <summary>
/// Ends the process at once when it is told to stop a second time: whoever waits for a drain of many minutes may not
/// want to. Nothing acknowledged is lost, as with a process that is killed.
/// </summary>
/// <remarks>
/// One wish may come as two signals: a shell sends one to a group of processes, and a supervisor another one. So what
/// follows within a second is no repeat.
/// </remarks>
internal sealed class StopSignals : IDisposable
{
    private static readonly TimeSpan Together = TimeSpan.FromSeconds(1);

    // A process that a signal ended: the shells' convention.
    private const int SignalExit = 128;

    private readonly Lock _lock = new();
    private readonly TimeProvider _time;
    private readonly List<PosixSignalRegistration> _registrations;
    private long? _told;

    public StopSignals(TimeProvider time)
    {
        _time = time;
        _registrations =
        [
            PosixSignalRegistration.Create(PosixSignal.SIGINT, _ => Told(SignalExit + 2)),
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, _ => Told(SignalExit + 15)),
        ];
    }

    /// <inheritdoc/>
    public void Dispose() => _registrations.ForEach(static registration => registration.Dispose());

    private void Told(int exitCode)
    {
        lock (_lock)
        {
            _told ??= _time.GetTimestamp();
            if (_time.GetElapsedTime(_told.Value) >= Together)
            {
                Console.Error.WriteLine(
                    "evergrain: told to stop again, so it ends now; running turns end as interrupted.");
                Environment.Exit(exitCode);
            }
        }
    }
}
