using Evergrain.Conversations.Ids;

namespace Evergrain.Grains.Activation;

/// <summary>
/// Readers. Each is an enumeration that Orleans pulls. One that breaks off may be a connection that asks again, so it
/// counts as a reader until it says goodbye or its grace is over.
/// </summary>
/// <param name="grace">How long that is.</param>
/// <param name="time">The clock.</param>
/// <param name="detach">Detaches a reader of a turn.</param>
/// <param name="post">Runs something on the grain's scheduler.</param>
internal sealed class BrokenOffReaders(
    TimeSpan grace, TimeProvider time, Action<TurnId> detach, Action<Action> post)
{
    private readonly Dictionary<ulong, (TurnId Turn, ITimer Grace)> _brokenOff = [];

    // How many enumerations of a reader are alive: an old one may not have ended yet when the reader asks again.
    private readonly Dictionary<ulong, int> _reading = [];
    private readonly HashSet<ulong> _saidGoodbye = [];

    /// <summary>Whether somebody reads.</summary>
    public bool HasReading => _reading.Count > 0;

    /// <summary>A reader begins an enumeration.</summary>
    public void Begins(ulong reader)
    {
        LeaveGrace(reader);
        _reading[reader] = _reading.GetValueOrDefault(reader) + 1;
    }

    /// <summary>A reader will not come back.</summary>
    public void SaysGoodbye(ulong reader)
    {
        // It may say so before Orleans has ended its enumeration, which counts until then.
        if (_reading.ContainsKey(reader))
        {
            _saidGoodbye.Add(reader);
        }

        LeaveGrace(reader);
    }

    /// <summary>An enumeration of a reader has ended; says whether the reader stays attached for its grace.</summary>
    public bool Ends(ulong reader, TurnId turn, bool isOver)
    {
        var isGone = _saidGoodbye.Contains(reader);
        if (--_reading[reader] == 0)
        {
            _reading.Remove(reader);
            _saidGoodbye.Remove(reader);
        }

        if (isGone || isOver)
        {
            return false;
        }

        // An enumeration that Orleans ended late may be followed by another of the same reader.
        LeaveGrace(reader);
        _brokenOff[reader] = (turn, time.CreateTimer(
            _ => post(() => LeaveGrace(reader)), null, grace, Timeout.InfiniteTimeSpan));
        return true;
    }

    private void LeaveGrace(ulong reader)
    {
        if (_brokenOff.Remove(reader, out var left))
        {
            left.Grace.Dispose();
            detach(left.Turn);
        }
    }
}
