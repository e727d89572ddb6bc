using Evergrain.Frontend.Admission;

namespace Evergrain.Frontend.Listening;

/// <summary>
/// Fits the bounds on connections and running turns into the files that the process may have open. A bound that the
/// process cannot keep would end in connections that are neither accepted nor refused.
/// </summary>
/// <remarks>
/// A connection takes one file, and so does the call of a running turn to its model server. When they do not all fit,
/// HTTP connections give way first, since a stranger can open them, then running turns, which wait in line. WebSockets
/// give way last.
/// </remarks>
internal sealed class FileBounds
{
    // The journal, connections to PostgreSQL, other processes and checks, and the program itself: 150 to 300.
    private const int KeptFiles = 384;

    // What connections and turns keep of the room at least, whatever the others ask for.
    private const int LeastShare = 5;

    private readonly long? _filesMax;
    private readonly long _room;
    private readonly long _least;
    private readonly bool _isLowered;
    private readonly AdmissionOptions _first;

    /// <summary>Fits the bounds that a server starts with.</summary>
    /// <param name="filesMax">How many files the process may have open; null: as many as it needs.</param>
    /// <param name="httpConnectionsMax">The setting of that name.</param>
    /// <param name="admission">The bounds in all; nothing is written to it.</param>
    public FileBounds(long? filesMax, int httpConnectionsMax, AdmissionOptions admission)
    {
        _filesMax = filesMax;
        var room = filesMax is { } files ? files - Math.Min(KeptFiles, files / 2) : long.MaxValue;
        _least = Math.Max(1, room / LeastShare);
        HttpConnectionsMax = Fit(httpConnectionsMax, room - admission.ConnectionsMax - admission.RunningTurnsMax);
        _room = room - HttpConnectionsMax;
        _first = new AdmissionOptions
        {
            ConnectionsMax = admission.ConnectionsMax,
            RunningTurnsMax = admission.RunningTurnsMax,
        };
        Lower(_first);
        _isLowered = (HttpConnectionsMax, _first.ConnectionsMax, _first.RunningTurnsMax) !=
            (httpConnectionsMax, admission.ConnectionsMax, admission.RunningTurnsMax);
    }

    /// <summary>The bound on HTTP connections.</summary>
    public int HttpConnectionsMax { get; }

    /// <summary>One sentence for the operator; null: every bound is as it was set.</summary>
    public string? Notice => _isLowered
        ? $"This process may have {_filesMax} files open (ulimit -n), so ConnectionsMax is {_first.ConnectionsMax}, " +
            $"HttpConnectionsMax {HttpConnectionsMax} and RunningTurnsMax {_first.RunningTurnsMax}."
        : null;

    /// <summary>Lowers the bounds in all where they do not fit.</summary>
    public void Lower(AdmissionOptions admission)
    {
        admission.RunningTurnsMax = Fit(admission.RunningTurnsMax, _room - admission.ConnectionsMax);
        admission.ConnectionsMax = (int)Math.Clamp(
            _room - admission.RunningTurnsMax, 1, admission.ConnectionsMax);
    }

    /// <summary>What the others leave, yet a share of the room at least.</summary>
    private int Fit(int wanted, long left) => (int)Math.Min(wanted, Math.Max(left, _least));
}
