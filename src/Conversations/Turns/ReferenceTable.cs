using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Wire;

namespace Evergrain.Conversations.Turns;

/// <summary>
/// What the item references of one create name: an output item of ours by its id, or a client's own on the parent's
/// branch.
/// </summary>
internal sealed class ReferenceTable(TurnTree turns, ConversationId conversation, Turn? parent, LeaseId lease,
    bool isStored)
{
    // Made at the first reference that needs it, so that the branch is read once however many there are.
    private Dictionary<string, ReadOnlyMemory<byte>>? _ofClients;

    /// <summary>The item's JSON, shared with the turn that has it: a reference costs no copy.</summary>
    /// <exception cref="ConversationException">There is no such item, or it may not be stored.</exception>
    public ReadOnlyMemory<byte> Find(string id, string path)
    {
        if (FindOutput(id) is { } output)
        {
            return output;
        }

        _ofClients ??= ReadBranch(path);
        return _ofClients.TryGetValue(id, out var json)
            ? json
            : throw ConversationException.Of(
                RefusalKind.InvalidRequest, $"Item with id '{id}' not found.", path + ".id");
    }

    private ReadOnlyMemory<byte>? FindOutput(string id)
    {
        if (!ItemList.TryParseOutputId(id, out var named, out var turnId, out var index) || named != conversation ||
            turns.Find(turnId, lease) is not { Status: TurnStatus.Ended } turn || index >= turn.Output.Count)
        {
            return null;
        }

        // Its content would reach the journal.
        return isStored && !turn.Id.IsStored
            ? throw ConversationException.Of(RefusalKind.InvalidRequest,
                $"A stored response cannot hold '{id}', which was not stored: send 'store': false.", "store")
            : turn.Output[index];
    }

    private Dictionary<string, ReadOnlyMemory<byte>> ReadBranch(string path)
    {
        var found = new Dictionary<string, ReadOnlyMemory<byte>>(StringComparer.Ordinal);
        foreach (var item in parent?.End.Backwards() ?? [])
        {
            if (InputItem.Read(item.Json.Span, path).Id is { } id)
            {
                // An id that was used twice means the last item that has it.
                found.TryAdd(id, item.Json);
            }
        }

        return found;
    }
}
