using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;

namespace Evergrain.Conversations.Routing;

/// <summary>
/// Finds conversations in the journal and in the memory of the processes that hold some. The journal has an order of
/// creation and no other index: words of requests are known in memory only.
/// </summary>
internal sealed class ConversationFinder(
    IJournal journal, Func<RosterQuery, CancellationToken, ValueTask<RosterAnswer>> roster)
{
    // Each is looked at when no tenant is named.
    private const int TenantsMax = 1_000;

    /// <summary>Finds them.</summary>
    /// <exception cref="ConversationException">They cannot be listed now.</exception>
    public async ValueTask<ConversationPage> FindAsync(ConversationQuery query, CancellationToken cancellationToken)
    {
        try
        {
            return query.Conversation is { } id ? await FindAsync(query, id, cancellationToken)
                : query.Origin is { } origin ? await FindAsync(query, origin, cancellationToken)
                : await ListAsync(query, cancellationToken);
        }
        catch (JournalUnavailableException e)
        {
            throw new ConversationException(
                new Refusal(RefusalKind.Unavailable, "Conversations cannot be listed now: try again."), e);
        }
    }

    private async ValueTask<ConversationPage> FindAsync(
        ConversationQuery query, ConversationId id, CancellationToken cancellationToken)
    {
        var held = await roster(new RosterQuery(query.Tenant, Known: [id.Value]), cancellationToken);
        var found = Shapes(held).Values.Select(Found).ToList();
        if (found.Count > 0)
        {
            return Page(found, held.IsComplete);
        }

        foreach (var tenant in await TenantsAsync(query.Tenant, cancellationToken))
        {
            var key = new ConversationKey(tenant, id);
            if (await FindStoredAsync(key, cancellationToken) is { } stored)
            {
                found.Add(stored);
            }
        }

        return Page(found, held.IsComplete);
    }

    private async ValueTask<ConversationPage> FindAsync(
        ConversationQuery query, OriginWord origin, CancellationToken cancellationToken)
    {
        var matches = await roster(
            new RosterQuery(query.Tenant, query.Limit, Kind: origin.Kind, Text: origin.Text), cancellationToken);

        // A conversation may be in another process than the one where its turn began.
        var keys = matches.Found.Select(static match => match.Key).Distinct().Take(query.Limit).ToList();
        var held = keys.Count == 0 ? matches : await roster(
            new RosterQuery(query.Tenant, Known: [.. keys.Select(static key => key.Id.Value)]), cancellationToken);
        var shapes = Shapes(held);
        var found = new List<FoundConversation>();
        foreach (var key in keys)
        {
            // An unstored one that is nowhere in memory is gone.
            var one = shapes.TryGetValue(key, out var shape)
                ? Found(shape)
                : await FindStoredAsync(key, cancellationToken);
            found.AddRange(one is null ? [] : [one]);
        }

        return Page(
            [.. found.OrderByDescending(static one => one.CreatedAt)], matches.IsComplete && held.IsComplete);
    }

    private async ValueTask<ConversationPage> ListAsync(ConversationQuery query, CancellationToken cancellationToken)
    {
        // One more of each tells whether others follow.
        var tenants = await TenantsAsync(query.Tenant, cancellationToken);
        var listed = await journal.ListNewestAsync(tenants, query.After.Number, query.Limit + 1, cancellationToken);
        var held = await roster(new RosterQuery(query.Tenant, query.Limit + 1, query.After.CreatedAt, query.After.Id,
            [.. listed.Found.Select(static log => log.Key.Id.Value)]), cancellationToken);
        return Merge(query, listed, held);
    }

    private static ConversationPage Merge(ConversationQuery query, JournalListing listed, RosterAnswer held)
    {
        var shapes = Shapes(held);
        var stored = new Queue<(long Number, FoundConversation Conversation)>(listed.Found.Select(log => (log.Number,
            new FoundConversation(log.Key, FirstAppend.TimeOf(log.FirstTail, log.Key), IsStored: true,
                shapes.GetValueOrDefault(log.Key)))));
        var unstored = new Queue<HeldConversation>(shapes.Values.Where(static shape => !shape.IsStored)
            .OrderByDescending(static shape => (shape.CreatedAt, shape.Id)));
        var found = new List<FoundConversation>();
        var (next, time) = (query.After, long.MaxValue);

        // Where the journal's page ended early, an unstored one behind its end may not be the next.
        while (found.Count < query.Limit && (stored.Count > 0 || (unstored.Count > 0 && !listed.HasMore)))
        {
            if (stored.TryPeek(out var log) &&
                !(unstored.TryPeek(out var newer) && newer.CreatedAt > (log.Conversation.CreatedAt ?? time)))
            {
                stored.Dequeue();
                found.Add(log.Conversation);
                (next, time) = (next with { Number = log.Number }, log.Conversation.CreatedAt ?? time);
                continue;
            }

            var shape = unstored.Dequeue();
            found.Add(Found(shape));
            next = next with { CreatedAt = shape.CreatedAt, Id = shape.Id };
        }

        return new ConversationPage(
            found, stored.Count > 0 || unstored.Count > 0 || listed.HasMore, next, held.IsComplete);
    }

    /// <summary>What the journal says of a conversation; null: it does not hold it.</summary>
    private async ValueTask<FoundConversation?> FindStoredAsync(
        ConversationKey key, CancellationToken cancellationToken)
    {
        try
        {
            await foreach (var entry in journal.ReadAsync(key, JournalEnd.None, cancellationToken))
            {
                return new FoundConversation(key, FirstAppend.TimeOf(entry.Records, key), IsStored: true, Held: null);
            }

            return null;
        }
        catch (JournalCorruptException)
        {
            // It is there, and says no time.
            return new FoundConversation(key, CreatedAt: null, IsStored: true, Held: null);
        }
    }

    private async ValueTask<IReadOnlyList<string>> TenantsAsync(
        string? named, CancellationToken cancellationToken)
    {
        if (named is not null)
        {
            return [named];
        }

        var tenants = await journal.ListTenantsAsync(TenantsMax + 1, cancellationToken);
        return tenants.Count <= TenantsMax
            ? tenants
            : throw ConversationException.Of(RefusalKind.InvalidRequest,
                $"More than {TenantsMax} tenants have conversations: name one, as in ?tenant=NAME.", "tenant");
    }

    /// <summary>What is held, by key: a conversation that moves may be in two processes for a moment.</summary>
    private static Dictionary<ConversationKey, HeldConversation> Shapes(RosterAnswer held) => held.Found
        .Where(static shape => shape.IsHeld).OrderByDescending(static shape => shape.ActiveAt)
        .DistinctBy(static shape => shape.Key).ToDictionary(static shape => shape.Key);

    private static FoundConversation Found(HeldConversation shape) =>
        new(shape.Key, shape.CreatedAt, shape.IsStored, shape);

    private static ConversationPage Page(IReadOnlyList<FoundConversation> found, bool isComplete) =>
        new(found, HasMore: false, ListPlace.Newest, isComplete);
}
