using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Conversations.Timing;

namespace Evergrain.Conversations.Turns;

/// <summary>
/// Records on their way to the journal. One append is under way at a time; what is made meanwhile goes in the next.
/// </summary>
/// <param name="activation">The writer's id.</param>
/// <param name="owner">Whose records they are.</param>
/// <param name="format">Gives the format in which records are written from now on.</param>
internal sealed class JournalOutbox(ulong activation, RecordOwner owner, Func<int> format)
{
    private readonly List<Record> _pending = [];
    private IReadOnlyList<Record> _inFlight = [];
    private TraceContext _trace;
    private List<int>? _deleted;
    private bool _hasClaimed;

    /// <summary>Where the journal ends, as far as this activation knows.</summary>
    public JournalEnd End { get; private set; }

    /// <summary>Records made by this activation.</summary>
    public long Made { get; private set; }

    /// <summary>How many of those are durable.</summary>
    public long Durable { get; private set; }

    /// <summary>Bytes handed to the journal.</summary>
    public long BytesWritten { get; private set; }

    /// <summary>The format in which records are written from now on; it never falls.</summary>
    public int Format => format();

    /// <summary>Bytes of the append under way.</summary>
    public int AppendBytes { get; private set; }

    public bool IsIdle => _pending.Count == 0 && _inFlight.Count == 0;

    /// <summary>Whether the next record must be a claim: another activation wrote last.</summary>
    public bool MustClaim => End.Position > 0 && End.LastWriter != activation && !_hasClaimed;

    /// <summary>Takes an append of the journal into account during recovery.</summary>
    public void Recovered(JournalEntry entry) => (End, _hasClaimed) = (JournalEnd.Behind(entry), false);

    /// <summary>Takes over where another process knows the journal to end.</summary>
    public void Moved(JournalEnd end) => (End, _hasClaimed) = (end, false);

    /// <summary>Makes a record; gives its number, for gates.</summary>
    public long Add(Record record)
    {
        _hasClaimed |= record is Claimed;
        _pending.Add(record);
        return ++Made;
    }

    /// <summary>Makes the record that deletes a turn; gives its number.</summary>
    public long Delete(int turn)
    {
        (_deleted ??= []).Add(turn);
        return Add(new TurnDeleted(turn));
    }

    /// <summary>Notes whose records come next.</summary>
    public void For(Turn turn) => _trace = turn.Trace;

    /// <summary>The next append, or null where one is under way or there is nothing to write.</summary>
    public Effect.Append? Next()
    {
        if (_inFlight.Count > 0 || _pending.Count == 0)
        {
            return null;
        }

        var count = WholeCount();
        _inFlight = _pending.GetRange(0, count);
        _pending.RemoveRange(0, count);

        // A buffer that doubles as it grows would take three times what a large append needs.
        var size = _inFlight.Sum(static record => ContentBytes(record) + RecordOverheadBytes);
        var bytes = RecordFrames.Write(_inFlight, owner, format(), size);
        BytesWritten += bytes.Length;
        AppendBytes = bytes.Length;
        var (trace, deleted) = (_trace, _deleted);
        (_trace, _deleted) = (default, null);
        return new Effect.Append(End, bytes) { Trace = trace, Deleted = deleted };
    }

    /// <summary>The append under way is durable: gives its records, to be applied.</summary>
    public IReadOnlyList<Record> Done()
    {
        var done = _inFlight;
        _inFlight = [];
        AppendBytes = 0;
        Durable += done.Count;
        _hasClaimed = false;
        End = new JournalEnd(End.Position + 1, activation);
        return done;
    }

    // More than what stands around the content of nearly any record.
    private const int RecordOverheadBytes = 256;

    // What the estimate leaves out: versions, kinds, numbers, messages. A start and its input leave as much room.
    private const int SlackBytes = 1 << 20;

    /// <summary>How many pending records fit in one append, never parting a turn's start from its input.</summary>
    private int WholeCount()
    {
        var (whole, bytes) = (0, 0L);
        for (var i = 0; i < _pending.Count; i++)
        {
            bytes += RecordFrames.HeaderBytes + ContentBytes(_pending[i]);
            if (bytes > Limits.AppendBytesMax - SlackBytes && whole > 0)
            {
                break;
            }

            whole = _pending[i] is ValueHeld { Turn: 0 } or InputHeld ? whole : i + 1;
        }

        return whole;
    }

    private static int ContentBytes(Record record) => record switch
    {
        ValueHeld value => value.Json.Length,
        InputHeld input => input.Json.Length,
        OutputHeld output => output.Json.Length,
        TurnFinished finished => finished.Shape.Length,
        _ => 0,
    };
}
