namespace Evergrain.Conversations.Turns;

/// <summary>
/// The numbered events of one response, read by cursor. Gates hold back events until the records they depend on are
/// durable.
/// </summary>
/// <param name="counts">Where its bytes are counted while it is held.</param>
internal sealed class EventLog(ConversationCounts counts)
{
    // The header of an event's array, and its places in a list that doubles as it grows.
    private const int EventOverheadBytes = 24 + (3 * 8);

    private readonly List<byte[]> _events = [];
    private readonly Queue<(int Index, long Record)> _gates = new();

    /// <summary>Events written, visible or not.</summary>
    public int Count => _events.Count;

    /// <summary>Events that readers may have.</summary>
    public int Visible { get; private set; }

    /// <summary>Bytes of all events, with what goes with each.</summary>
    public long Bytes { get; private set; }

    public void Add(byte[] json)
    {
        _events.Add(json);
        Bytes += json.Length + EventOverheadBytes;
        counts.EventBytes += json.Length + EventOverheadBytes;
    }

    /// <summary>Nobody holds it any more.</summary>
    public void Drop()
    {
        counts.EventBytes -= Bytes;
        Bytes = 0;
    }

    /// <summary>Holds back the events from <paramref name="index"/> on until a record is durable.</summary>
    public void Gate(int index, long record) => _gates.Enqueue((index, record));

    /// <summary>Shows what the durable records allow; says whether that is more than before.</summary>
    public bool Release(long durableRecord)
    {
        while (_gates.TryPeek(out var gate) && gate.Record <= durableRecord)
        {
            _gates.Dequeue();
        }

        var before = Visible;
        Visible = _gates.TryPeek(out var next) ? next.Index : _events.Count;
        return Visible > before;
    }

    /// <summary>The visible events from a number on, at most one batch.</summary>
    public List<ReadOnlyMemory<byte>> Read(int from)
    {
        var batch = new List<ReadOnlyMemory<byte>>();
        var bytes = 0;
        for (var i = from; i < Visible && batch.Count < Limits.BatchEventsMax; i++)
        {
            bytes += _events[i].Length;
            if (bytes > Limits.BatchBytesMax && batch.Count > 0)
            {
                break;
            }

            batch.Add(_events[i]);
        }

        return batch;
    }
}
