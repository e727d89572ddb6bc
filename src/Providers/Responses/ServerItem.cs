using System.Text;
using System.Text.Json;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Responses;

/// <summary>
/// One item of a server's answer: what it is called, and how its events become model events. Texts that the server did
/// not stream are given whole, so that a client that reads only deltas misses none.
/// </summary>
internal sealed class ServerItem
{
    // Longer ones are not worth keeping with the turn: the longest in use have a few hundred.
    private const int IdCharsMax = 1024;

    private readonly byte[] _id;
    private readonly byte[] _callId;
    private readonly ModelEvent _started;
    private readonly StreamedParts _parts;
    private List<byte[]> _held = [];

    /// <summary>Reads an item as it begins, or as it is when nothing announced it.</summary>
    /// <param name="item">The item: an object with a type.</param>
    /// <param name="index">The <c>output_index</c> that its events have; -1 if none.</param>
    /// <param name="isWhole">Whether this is all of it.</param>
    /// <exception cref="FormatException">It is a call that cannot be answered.</exception>
    public ServerItem(JsonElement item, int index, bool isWhole)
    {
        Index = index;
        Type = ItemJson.Text(item, "type")!;
        var (id, callId, name) =
            (ItemJson.Text(item, "id"), ItemJson.Text(item, "call_id"), ItemJson.Text(item, "name"));
        var kind = ItemJson.KindOf(Type);
        if (kind is OutputKind.FunctionCall or OutputKind.CustomToolCall &&
            (string.IsNullOrEmpty(callId) || string.IsNullOrEmpty(name)))
        {
            throw new FormatException("the model server sent a call without a 'call_id' or a 'name'");
        }

        (_id, _callId) = (Encoding.UTF8.GetBytes(id ?? ""), Encoding.UTF8.GetBytes(callId ?? ""));
        _parts = new StreamedParts(kind);

        // An item that already has text begins without it: the text follows, and a client would have it twice.
        var startsPlain = kind != OutputKind.Other && (isWhole || ItemJson.HasText(item));
        _started = new ModelEvent(ModelEventKind.ItemStarted)
        {
            Item = kind,
            Name = name,
            Namespace = ItemJson.Text(item, "namespace"),
            CallId = callId,
            IsAsync = !startsPlain && ItemJson.Member(item, "async").ValueKind == JsonValueKind.True,
            IdPrefix = kind == OutputKind.Other ? ItemJson.PrefixOf(id) : null,
            Json = startsPlain ? default : ItemJson.WithoutId(item),
        };
    }

    public string Type { get; }

    /// <summary>The <c>output_index</c> of its events; -1 if they have none.</summary>
    public int Index { get; }

    /// <summary>Whether a client answers it with its call id.</summary>
    public bool IsCall => _callId.Length > 0;

    /// <summary>Whether it can be told from others.</summary>
    public bool IsNamed => _id.Length > 0 || IsCall;

    /// <summary>Whether its server has ended it, even if that is still held back.</summary>
    public bool IsEnded { get; set; }

    /// <summary>Whether all of it has been given.</summary>
    public bool IsGiven { get; private set; }

    /// <summary>Bytes that it keeps before its turn comes.</summary>
    public int StartBytes => _started.Json.Length;

    /// <summary>Whether events call it so: by its id, or by its call id, as llama.cpp does.</summary>
    public bool IsCalled(ReadOnlySpan<byte> name) =>
        !name.IsEmpty && (name.SequenceEqual(_id) || name.SequenceEqual(_callId));

    /// <summary>Whether both are one item, seen twice. An output has its call's id, but another type.</summary>
    public bool IsSame(ServerItem other) =>
        Type == other.Type && (IsCalled(other._id) || (IsCall && IsCalled(other._callId)));

    /// <summary>
    /// Whether this is another call than a known one, with the same call id. Some servers name one item anew with each
    /// event, so another name alone does not tell.
    /// </summary>
    public bool IsSecondBehind(ServerItem known) =>
        IsCall && Type == known.Type && _callId.AsSpan().SequenceEqual(known._callId) &&
        _id.Length > 0 && known._id.Length > 0 && !_id.AsSpan().SequenceEqual(known._id) &&
        (Index >= 0 && known.Index >= 0 ? Index != known.Index : known.IsEnded);

    /// <summary>Keeps an event until this item's turn comes.</summary>
    public void Hold(ReadOnlySpan<byte> data) => _held.Add(data.ToArray());

    /// <summary>What was kept, in order; nothing is from now on.</summary>
    public List<byte[]> TakeHeld()
    {
        var held = _held;
        _held = [];
        return held;
    }

    /// <summary>Begins the item.</summary>
    public void Start(List<ModelEvent> events) => events.Add(_started);

    /// <summary>Gives what one of its events means.</summary>
    public void Give(ReadOnlySpan<byte> data, in EventSkim skim, List<ModelEvent> events)
    {
        if (_started.Item != OutputKind.Other && TextEvents.IsDelta(skim.Type, out var part))
        {
            _parts.Add(part, skim, events);
            return;
        }

        var json = ItemJson.Parse(data);
        var type = Encoding.UTF8.GetString(skim.Type);
        if (type == "response.output_item.done")
        {
            Finish(ItemJson.Item(json), events);
        }
        else if (_started.Item == OutputKind.Other || !_parts.TryGive(type, json, events))
        {
            events.Add(new ModelEvent(ModelEventKind.Raw) { Name = type, Json = ItemJson.OwnMembers(json) });
        }
    }

    /// <summary>Ends the item as this JSON; gives the texts that are in it and were not streamed.</summary>
    /// <exception cref="FormatException">It is another kind of item than began.</exception>
    public void Finish(JsonElement item, List<ModelEvent> events)
    {
        if (ItemJson.Text(item, "type") != Type)
        {
            throw new FormatException("the model server ended another item than it began");
        }

        (IsEnded, IsGiven) = (true, true);
        _parts.Finish(item, events);
        var id = ItemJson.Text(item, "id");
        var isSealed = ItemJson.Text(item, "encrypted_content") is not null;
        events.Add(new ModelEvent(ModelEventKind.ItemDone)
        {
            Json = ItemJson.WithoutId(item),
            ServerId = id is { Length: > 0 and <= IdCharsMax } ? id

                // No id, but only this server can read it.
                : isSealed ? string.Empty
                : null,
        });
    }
}
