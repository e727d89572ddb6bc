using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Evergrain.Conversations;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Servers;

namespace Evergrain.Providers.Responses;

/// <summary>
/// Reads a Responses server's stream. Its items are given one after the other, in the order in which they began: what
/// the server says of a later one before an earlier one has ended is held back.
/// </summary>
/// <remarks>
/// An item is found by what the event calls it, else by its <c>output_index</c>; an event that names neither means the
/// newest. A call whose arguments are cut stays open, and the answer ends there as incomplete, whatever its server
/// says.
/// </remarks>
internal sealed class ResponsesDecoder : IEventDecoder
{
    // Output items of one response: many times what a model makes, and few enough to look through.
    private const int ItemsMax = 4096;

    // What an event that is held back takes beside its bytes: an array's header and its place in a list.
    private const int HeldOverheadBytes = 32;

    private readonly List<ServerItem> _items = [];
    private readonly List<ServerItem> _waiting = [];
    private long _heldBytes;
    private bool _isCut;
    private bool _isOver;

    /// <inheritdoc/>
    public void Read(ReadOnlySpan<byte> data, List<ModelEvent> events) => Read(data, isWhole: false, events);

    /// <inheritdoc/>
    public void ReadWhole(ReadOnlySpan<byte> json, List<ModelEvent> events) => Read(json, isWhole: true, events);

    /// <inheritdoc/>
    public void Finish(bool isMarked, List<ModelEvent> events)
    {
        // Each event was given when it came; a stream without a last event has none.
    }

    private void Read(ReadOnlySpan<byte> data, bool isWhole, List<ModelEvent> events)
    {
        if (_isOver)
        {
            return;
        }

        try
        {
            if (!Utf8.IsValid(data))
            {
                throw new FormatException("the model server sent an event that is not valid UTF-8");
            }

            var line = data.ContainsAny((byte)'\n', (byte)'\r') ? OneLine(data) : data;
            line = isWhole && line.Trim(" "u8) is [(byte)'[', .. var only, (byte)']'] ? only : line;
            if (!isWhole || !TryReadResponse(ItemJson.Parse(line), events))
            {
                ReadEvent(line, events);
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: a text that is no Unicode (an unpaired surrogate) where one is needed.
            throw new FormatException("the model server sent an event that is not valid JSON", e);
        }
    }

    /// <summary>Reads a response that is no event; false where the JSON is none, or has no end.</summary>
    private bool TryReadResponse(JsonElement json, List<ModelEvent> events)
    {
        switch (ItemJson.Text(json, "status"))
        {
            case "completed" or "incomplete" or "cancelled" or "failed":
            case null when ItemJson.Member(json, "output").ValueKind == JsonValueKind.Array:
                EndResponse(json, isCut: false, events);
                return true;
            default:
                return false;
        }
    }

    private void ReadEvent(ReadOnlySpan<byte> data, List<ModelEvent> events)
    {
        var skim = new EventSkim(data);
        if (TextEvents.IsDelta(skim.Type, out _))
        {
            // What was never announced comes whole with the answer's end.
            Give(Find(skim, orNewest: true), data, skim, events);
            return;
        }

        switch (Encoding.UTF8.GetString(skim.Type))
        {
            case "response.created" or "response.queued" or "response.in_progress":
                break;
            case "response.output_item.added":
                Begin(ItemJson.Item(ItemJson.Parse(data)), skim.Index, events);
                break;
            case "response.output_item.done":
                End(data, skim, events);
                break;
            case "response.completed" or "response.incomplete":
                EndResponse(ItemJson.Member(ItemJson.Parse(data), "response"), skim.Type.EndsWith("incomplete"u8),
                    events);
                break;
            case "response.failed" or "error":
            case "" when ItemJson.Member(ItemJson.Parse(data), "error").ValueKind == JsonValueKind.Object:
                EndAs(ServerEnding.Failed(ItemJson.Parse(data)), events);
                break;
            case "":
                throw new FormatException("the model server sent an event without a type");
            case var type:
                var isOfAny = !skim.Item.IsEmpty || TextEvents.IsDone(type, out _, out _);
                Give(Find(skim, isOfAny), data, skim, events);
                break;
        }
    }

    /// <summary>An item begins. One that is announced again is known already.</summary>
    private void Begin(JsonElement json, int index, List<ModelEvent> events)
    {
        var item = new ServerItem(json, index, isWhole: false);
        RefuseSecond(item);
        if (Find(item) is not { IsEnded: false })
        {
            Add(item, events);
        }
    }

    /// <summary>An item ends, which may be the first that is heard of it.</summary>
    private void End(ReadOnlySpan<byte> data, in EventSkim skim, List<ModelEvent> events)
    {
        var json = ItemJson.Item(ItemJson.Parse(data));
        var item = new ServerItem(json, skim.Index, isWhole: true);
        RefuseSecond(item);
        var known = Find(item);
        if (known is { IsEnded: true })
        {
            return;
        }

        known ??= Find(skim, orNewest: !item.IsNamed);
        if (known is null)
        {
            Add(item, events);
        }

        if (ItemJson.IsCutCall(json))
        {
            // A client would run it.
            _isCut = true;
            return;
        }

        (known ?? item).IsEnded = true;
        Give(known ?? item, data, skim, events);
    }

    /// <summary>Two calls of one id cannot both be answered.</summary>
    private void RefuseSecond(ServerItem item)
    {
        if (_items.Exists(item.IsSecondBehind))
        {
            throw new FormatException("the model server sent two calls with one 'call_id'");
        }
    }

    private void Add(ServerItem item, List<ModelEvent> events)
    {
        if (_items.Count == ItemsMax)
        {
            throw new FormatException($"the model server sent more than {ItemsMax} items");
        }

        _items.Add(item);
        _waiting.Add(item);
        if (_waiting.Count == 1)
        {
            item.Start(events);
        }
        else
        {
            HoldBytes(item.StartBytes);
        }
    }

    /// <summary>Gives an item's event, or holds it back; drops it where no item is meant.</summary>
    private void Give(ServerItem? item, ReadOnlySpan<byte> data, in EventSkim skim, List<ModelEvent> events)
    {
        if (item is null)
        {
            return;
        }

        if (item != _waiting[0])
        {
            HoldBytes(data.Length);
            item.Hold(data);
            return;
        }

        item.Give(data, skim, events);
        Advance(events);
    }

    /// <summary>Goes on to the next item where one has ended, with what was held back of it.</summary>
    private void Advance(List<ModelEvent> events)
    {
        while (_waiting.Count > 0 && _waiting[0].IsGiven)
        {
            _waiting.RemoveAt(0);
            if (_waiting.Count > 0)
            {
                Release(_waiting[0], events);
            }
        }
    }

    private void Release(ServerItem item, List<ModelEvent> events)
    {
        item.Start(events);
        _heldBytes -= item.StartBytes + HeldOverheadBytes;
        foreach (var data in item.TakeHeld())
        {
            _heldBytes -= data.Length + HeldOverheadBytes;
            item.Give(data, new EventSkim(data), events);
        }
    }

    private void HoldBytes(int bytes)
    {
        _heldBytes += bytes + HeldOverheadBytes;
        if (_heldBytes > Limits.OutputBytesMax)
        {
            throw new FormatException("the model server sent too much of an item before it ended the one before");
        }
    }

    /// <summary>The answer's end says all of it: what was not streamed is given now.</summary>
    private void EndResponse(JsonElement response, bool isCut, List<ModelEvent> events)
    {
        if (response.ValueKind != JsonValueKind.Object || ServerEnding.IsFailed(response))
        {
            EndAs(response.ValueKind == JsonValueKind.Object ? ServerEnding.Failed(response) : ServerEnding.Missing(),
                events);
            return;
        }

        isCut |= ServerEnding.IsIncomplete(response);
        if (!isCut || !ServerEnding.IsCancelled(response))
        {
            GiveRest(FinalItems.Match(response, _items), isCut, events);
        }

        EndAs(isCut || _isCut ? ServerEnding.Incomplete(response) : ServerEnding.Completed(response), events);
    }

    private void GiveRest(FinalItems final, bool isCut, List<ModelEvent> events)
    {
        while (_waiting.Count > 0 && final.Known.TryGetValue(_waiting[0], out var whole))
        {
            if (ItemJson.IsCutCall(whole))
            {
                _isCut = true;
                return;
            }

            _waiting[0].Finish(whole, events);
            Advance(events);
        }

        if (_waiting.Count > 0)
        {
            // What is open is cut where the answer is, and nothing can come behind it.
            if (!isCut && !_isCut)
            {
                throw new FormatException("the model server ended its response in the middle of an item");
            }

            return;
        }

        foreach (var json in final.Unseen)
        {
            var item = new ServerItem(json, index: -1, isWhole: true);
            RefuseSecond(item);
            Add(item, events);
            if (ItemJson.IsCutCall(json))
            {
                _isCut = true;
                return;
            }

            item.Finish(json, events);
            Advance(events);
        }
    }

    private void EndAs(in ModelEvent last, List<ModelEvent> events)
    {
        _isOver = true;
        events.Add(last);
    }

    /// <summary>The item of this name, a running one before others; null if there is none.</summary>
    private ServerItem? Find(ServerItem named) =>
        _items.FindLast(item => !item.IsEnded && item.IsSame(named)) ?? _items.FindLast(item => item.IsSame(named));

    /// <summary>The running item that an event means; null if it is none, or one that has ended.</summary>
    private ServerItem? Find(in EventSkim skim, bool orNewest)
    {
        ServerItem? atIndex = null;
        ServerItem? newest = null;
        for (var i = _items.Count - 1; i >= 0; i--)
        {
            var item = _items[i];
            if (item.IsCalled(skim.Item))
            {
                return item.IsEnded ? null : item;
            }

            atIndex ??= skim.Index >= 0 && item.Index == skim.Index ? item : null;
            newest ??= item.IsEnded ? null : item;
        }

        var meant = skim.Index >= 0 ? atIndex : orNewest ? newest : null;
        return meant is { IsEnded: false } ? meant : null;
    }

    private static byte[] OneLine(ReadOnlySpan<byte> data)
    {
        // Between values a line break is a space; in a text it is wrong, which is found out here. Events that are
        // passed on as they are must be one line, as server-sent events end with theirs.
        ItemJson.Parse(data);
        var line = data.ToArray();
        line.AsSpan().Replace((byte)'\n', (byte)' ');
        line.AsSpan().Replace((byte)'\r', (byte)' ');
        return line;
    }
}
