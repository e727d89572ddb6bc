using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Routing;

/// <summary>
/// Finds a page of a tenant's stored responses. The journal lists conversations in the order in which they began, and
/// each conversation lists its turns.
/// </summary>
/// <param name="journal">Lists the conversations.</param>
/// <param name="query">What is asked for.</param>
/// <param name="ask">Asks a conversation for turns behind one, at most so many.</param>
internal sealed class ResponseFinder(
    IJournal journal, ResponseQuery query, Func<ConversationKey, TurnId, int, ValueTask<FoundTurns>> ask)
{
    // Conversations that are listed at a time.
    private const int PageMax = 64;

    // One more than asked for tells whether others follow.
    private readonly int _wanted = query.Limit + 1;
    private readonly List<ResponseId> _found = [];
    private ResponseId? _lookedAt;
    private int _looks;

    private bool IsOver => _found.Count >= _wanted || _looks >= Limits.ListedConversationsMax;

    /// <summary>Finds it.</summary>
    /// <exception cref="ConversationException">The response before it is not found, or there is no journal.</exception>
    public async ValueTask<ResponsePage> FindAsync(CancellationToken cancellationToken)
    {
        try
        {
            var isWhole = query.Filter.IsAscending
                ? await FindOldestAsync(cancellationToken)
                : await FindNewestAsync(cancellationToken);
            return new ResponsePage([.. _found.Take(query.Limit)], !isWhole || _found.Count > query.Limit, _lookedAt);
        }
        catch (JournalUnavailableException e)
        {
            throw new ConversationException(
                new Refusal(RefusalKind.Unavailable, "Responses cannot be listed now: try again."), e);
        }
    }

    /// <summary>Finds the oldest behind the page; returns whether all were looked at.</summary>
    private async ValueTask<bool> FindOldestAsync(CancellationToken cancellationToken)
    {
        var after = await LookBehindAsync();
        while (!IsOver)
        {
            var page = await journal.ListAsync(query.Tenant, after, PageMax, cancellationToken);
            if (page.Count == 0)
            {
                return true;
            }

            after = page[^1];
            await LookAsync(page);
        }

        return false;
    }

    /// <summary>Finds the newest behind the page; returns whether all were looked at.</summary>
    private async ValueTask<bool> FindNewestAsync(CancellationToken cancellationToken)
    {
        var before = long.MaxValue;
        if (query.After is { } last)
        {
            before = await journal.FindNumberAsync(KeyOf(last.Conversation), cancellationToken) ?? throw NotFound(last);
            await LookBehindAsync();
        }

        while (!IsOver)
        {
            var page = await journal.ListNewestAsync([query.Tenant], before, PageMax, cancellationToken);
            if (page.Found.Count == 0)
            {
                return true;
            }

            before = page.Found[^1].Number;
            await LookAsync(page.Found.Select(static log => log.Key.Id));
        }

        return false;
    }

    private static ConversationException NotFound(ResponseId last) =>
        ConversationException.Of(RefusalKind.NotFound, $"Response with id '{last}' not found.", "after");

    private ConversationKey KeyOf(ConversationId id) => new(query.Tenant, id);

    /// <summary>Looks at what follows in the conversation where the page before ended.</summary>
    private async ValueTask<ConversationId?> LookBehindAsync()
    {
        if (query.After is not { } last)
        {
            return null;
        }

        return last.Turn.IsStored && await LookAsync(last.Conversation, last.Turn)
            ? last.Conversation
            : throw NotFound(last);
    }

    private async ValueTask LookAsync(IEnumerable<ConversationId> page)
    {
        foreach (var conversation in page)
        {
            if (IsOver)
            {
                return;
            }

            // One that is gone by now has no turns.
            await LookAsync(conversation, default);
        }
    }

    private async ValueTask<bool> LookAsync(ConversationId conversation, TurnId after)
    {
        try
        {
            _looks++;
            var turns = await ask(KeyOf(conversation), after, _wanted - _found.Count);
            _found.AddRange(turns.Found.Select(turn => new ResponseId(conversation, turn)));
            _lookedAt = turns.LookedAt.IsStored ? new ResponseId(conversation, turns.LookedAt) : _lookedAt;
            return true;
        }
        catch (ConversationException e) when (e.Refusal.Kind == RefusalKind.NotFound)
        {
            return false;
        }
        catch (ConversationException e) when (e.Refusal.Kind == RefusalKind.Internal)
        {
            // A damaged one; a list without it would look whole.
            throw new ConversationException(
                e.Refusal with { Message = $"{e.Refusal.Message} It is {conversation}." }, e);
        }
    }
}
