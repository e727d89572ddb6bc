using System.Text.Json;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Routing;

/// <summary>
/// Rebuilds a conversation from its journal, beside the one in memory, and compares the digests of their turns. The
/// rebuilt one computes each digest from the items, and compares it with the one that the journal holds.
/// </summary>
internal sealed class ConversationProof(
    ConversationKey key, IConversations conversations, IJournal journal, IIdSource ids)
{
    private const int PageTurns = 500;

    /// <summary>Compares.</summary>
    /// <exception cref="ConversationException">The conversation is not found, or cannot be read now.</exception>
    public async ValueTask<Verification> MakeAsync(CancellationToken cancellationToken)
    {
        // First what memory holds: all of it that is shown is in the journal by then.
        var held = await ReadAsync(after =>
            conversations.ListTurnsAsync(key, after, PageTurns, cancellationToken));
        var rebuilt = new Conversation(key, 0, new ModelCatalog([]), ids);
        try
        {
            await foreach (var entry in journal.ReadAsync(key, JournalEnd.None, cancellationToken))
            {
                rebuilt.Recover(entry);
            }
        }
        catch (JournalCorruptException e)
        {
            return new Verification(held.Count, [], e.Message);
        }
        catch (JournalUnavailableException e)
        {
            throw new ConversationException(
                new Refusal(RefusalKind.Unavailable, "The journal cannot be read now: try again."), e);
        }

        var found = await ReadAsync(rebuilt);
        var different = held.Where(turn => found.GetValueOrDefault(turn.Key) != turn.Value)
            .Select(static turn => turn.Key);
        return new Verification(held.Count, [.. different], null);
    }

    private static async ValueTask<Dictionary<string, string>> ReadAsync(Conversation rebuilt)
    {
        try
        {
            return await ReadAsync(after => new ValueTask<ReadOnlyMemory<byte>>(rebuilt.ListTurns(after, PageTurns)));
        }
        catch (ConversationException e) when (e.Refusal.Kind == RefusalKind.NotFound)
        {
            // The journal holds no turn.
            return [];
        }
    }

    /// <summary>The digests of all stored turns that have ended, by the id of their response.</summary>
    private static async ValueTask<Dictionary<string, string>> ReadAsync(
        Func<int, ValueTask<ReadOnlyMemory<byte>>> read)
    {
        var digests = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var (after, hasMore) = (0, true); hasMore;)
        {
            using var page = JsonDocument.Parse(await read(after));
            hasMore = page.RootElement.GetProperty("has_more"u8).GetBoolean();
            foreach (var turn in page.RootElement.GetProperty("data"u8).EnumerateArray())
            {
                var number = turn.GetProperty("number"u8).GetInt32();
                if (number > 0 && turn.GetProperty("digest"u8).GetString() is { } digest)
                {
                    digests.Add(turn.GetProperty("id"u8).GetString()!, digest);
                }

                // The page ends in unstored turns: no stored one follows.
                (after, hasMore) = (Math.Max(after, number), hasMore && number > 0);
            }
        }

        return digests;
    }
}
