using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Items;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Wire;

namespace Evergrain.Conversations.Turns;

/// <summary>
/// What the item references of one create name: an output item of ours by its id, of this conversation or another, or a
/// client's own on the branch that is continued.
/// </summary>
internal sealed class ReferenceTable(TurnTree turns, Branch branch, StartTurn start, bool isStored)
{
    private readonly HashSet<string> _missing = new(StringComparer.Ordinal);

    // Made at the first reference that needs it, so that the branch is read once however many there are.
    private Dictionary<string, ReadOnlyMemory<byte>>? _ofClients;

    /// <summary>Items of other conversations that were asked for and not brought along, each once.</summary>
    public List<ForeignItem> Missing { get; } = [];

    /// <summary>The item's JSON, shared with the turn that has it: a reference costs no copy.</summary>
    /// <returns>The JSON; empty where it went to <see cref="Missing"/>.</returns>
    /// <exception cref="ConversationException">There is no such item, or it may not be stored.</exception>
    public ReadOnlyMemory<byte> Find(string id, string path)
    {
        var found = ItemList.TryParseOutputId(id, out var named, out var turn, out var index) && named != start.Key.Id
            ? FindForeign(new ForeignItem(id, new ResponseId(named, turn), index))
            : FindOutput(id);
        if (found is { } output)
        {
            return output;
        }

        _ofClients ??= ReadBranch();
        return _ofClients.TryGetValue(id, out var json)
            ? json
            : throw ConversationException.Of(
                RefusalKind.InvalidRequest, $"Item with id '{id}' not found.", path + ".id");
    }

    private ReadOnlyMemory<byte>? FindForeign(ForeignItem item)
    {
        if (start.References is null || !start.References.TryGetValue(item.Id, out var json))
        {
            if (_missing.Add(item.Id))
            {
                Missing.Add(item);
            }

            return ReadOnlyMemory<byte>.Empty;
        }

        if (json.IsEmpty)
        {
            // Brought along as nothing: it was looked for and not found.
            return null;
        }

        return isStored && !item.Response.Turn.IsStored ? throw NotStored(item.Id) : json;
    }

    private static ConversationException NotStored(string id) => ConversationException.Of(RefusalKind.InvalidRequest,
        $"A stored response cannot hold '{id}', which was not stored: send 'store': false.", "store");

    private ReadOnlyMemory<byte>? FindOutput(string id)
    {
        if (!ItemList.TryParseOutputId(id, out _, out var turnId, out var index) ||
            turns.Find(turnId, start.Lease) is not { Status: TurnStatus.Ended } turn || index >= turn.Output.Count)
        {
            return null;
        }

        // Its content would reach the journal.
        return isStored && !turn.Id.IsStored
            ? throw NotStored(id)
            : turn.Output[index];
    }

    private Dictionary<string, ReadOnlyMemory<byte>> ReadBranch()
    {
        var found = new Dictionary<string, ReadOnlyMemory<byte>>(StringComparer.Ordinal);
        foreach (var item in branch.Backwards())
        {
            using var tree = ItemTree.Read(item.Json.Span);
            if (ItemHead.IdOf(tree) is { } id)
            {
                // An id that was used twice means the last item that has it.
                found.TryAdd(id, item.Json);
            }
        }

        return found;
    }
}
