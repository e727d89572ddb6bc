using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Routing;

/// <summary>Fetches the items of other conversations that a create refers to.</summary>
public static class ForeignItems
{
    /// <summary>The items' JSON by id; empty for one that is not found, another tenant's included.</summary>
    /// <exception cref="ConversationException">There are too many, or they are too large together.</exception>
    public static async Task<IReadOnlyDictionary<string, ReadOnlyMemory<byte>>> FetchAsync(
        IConversations conversations, StartTurn start, IReadOnlyList<ForeignItem> items,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(conversations);
        ArgumentNullException.ThrowIfNull(start);
        if (items.Select(static item => item.Response.Conversation).Distinct().Count() >
            Limits.ReferencedConversationsMax)
        {
            throw ConversationException.Of(RefusalKind.InvalidRequest,
                $"'input' refers to items of more than {Limits.ReferencedConversationsMax} responses' conversations.",
                "input");
        }

        var found = new Dictionary<string, ReadOnlyMemory<byte>>(StringComparer.Ordinal);
        var bytes = (long)start.Create.Length;
        foreach (var item in items)
        {
            var json = await FindAsync(conversations, start, item, cancellationToken);
            bytes += item.Id.Length + json.Length;
            if (bytes > Limits.StartBytesMax)
            {
                throw ConversationException.Of(RefusalKind.TooLarge, "The request and the items that 'input' refers " +
                    $"to are larger than {Limits.StartBytesMax} bytes together.", "input");
            }

            found[item.Id] = json;
        }

        return found;
    }

    private static async Task<ReadOnlyMemory<byte>> FindAsync(IConversations conversations, StartTurn start,
        ForeignItem item, CancellationToken cancellationToken)
    {
        try
        {
            var turn = new TurnAddress(start.Key.Tenant, item.Response, start.Lease);
            return await conversations.GetOutputItemAsync(turn, item.Index, cancellationToken);
        }
        catch (ConversationException e) when (e.Refusal.Kind == RefusalKind.NotFound)
        {
            return default;
        }
    }
}
