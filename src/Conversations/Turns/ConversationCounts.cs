using Evergrain.Conversations.Context;
using Evergrain.Conversations.Records;

namespace Evergrain.Conversations.Turns;

/// <summary>What an activation has done, and how many bytes its items take.</summary>
internal sealed class ConversationCounts
{
    // Objects and array slots that go with an item; measured, see docs/performance.md.
    private const int ItemOverheadBytes = 256;

    // The turn itself, and what finds it by id and by request.
    private const int TurnOverheadBytes = 640;

    public long Validated { get; set; }

    public long Rendered { get; set; }

    public long Recovered { get; set; }

    public long Claims { get; set; }

    /// <summary>Bytes of items, of their renderings and of the shapes of streams, estimated.</summary>
    public long ItemBytes { get; private set; }

    /// <summary>Bytes of the events that are held, of running turns and of those that are read.</summary>
    public long EventBytes { get; set; }

    /// <summary>The turns that ended here.</summary>
    public TurnCounts Ended { get; private set; }

    public void AddEnded(TurnEnding ending) => Ended = Ended.With(ending);

    public void AddShape(int bytes) => ItemBytes += bytes;

    public void AddTurn() => ItemBytes += TurnOverheadBytes;

    public void Add(IReadOnlyList<PreparedItem> items)
    {
        for (var i = 0; i < items.Count; i++)
        {
            Add(items[i].Item);
        }
    }

    public void Add(Segment segment)
    {
        for (var i = 0; i < segment.Count; i++)
        {
            Add(segment.ItemAt(i));
        }
    }

    /// <summary>Bytes of an item and of its rendering, estimated.</summary>
    /// <remarks>
    /// Rendered bytes are counted as the item's own again: some backends share them, none is much larger.
    /// </remarks>
    public static long BytesOf(int length) => (2L * length) + ItemOverheadBytes;

    private void Add(Item item) => ItemBytes += BytesOf(item.Json.Length);
}
