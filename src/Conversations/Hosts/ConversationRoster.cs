using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Hosts;

/// <summary>
/// The conversations that are in memory of this process, and how the last turns here came. It knows shapes, times and
/// ids. An activation changes it when a turn begins or ends, and not with each event.
/// </summary>
public sealed class ConversationRoster
{
    /// <summary>Turns whose words are kept; about 400 bytes each.</summary>
    public const int RecentMax = 8_192;

    private const int TraceAt = 3;
    private const int TraceChars = 32;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, TenantPlaces> _tenants = new(StringComparer.Ordinal);
    private readonly Queue<RecentTurn> _recent = new();

    /// <summary>
    /// The conversations that are asked for: those that are named, and the newest unstored ones behind a place; or
    /// those with a word, the newest turn first.
    /// </summary>
    public IReadOnlyList<HeldConversation> Find(RosterQuery query)
    {
        ArgumentNullException.ThrowIfNull(query);
        lock (_gate)
        {
            return query.Kind == OriginKind.None ? [.. Known(query), .. Unstored(query)] : Recent(query);
        }
    }

    /// <summary>A turn began.</summary>
    internal void Began(StartTurn start, bool isStored)
    {
        if (start.Origin == default && start.Trace.Parent is null)
        {
            return;
        }

        lock (_gate)
        {
            if (_recent.Count == RecentMax)
            {
                _recent.Dequeue();
            }

            _recent.Enqueue(new RecentTurn(start.Key, isStored, start.Origin, start.Trace.Parent));
        }
    }

    /// <summary>A conversation is in memory, until <see cref="Remove"/>.</summary>
    internal void Add(HeldPlace place)
    {
        lock (_gate)
        {
            if (!_tenants.TryGetValue(place.Shape.Tenant, out var places))
            {
                _tenants[place.Shape.Tenant] = places = new TenantPlaces();
            }

            places.Add(place);
        }
    }

    /// <summary>A conversation has left.</summary>
    internal void Remove(HeldPlace place)
    {
        lock (_gate)
        {
            if (_tenants.TryGetValue(place.Shape.Tenant, out var places) && places.Remove(place))
            {
                _tenants.Remove(place.Shape.Tenant);
            }
        }
    }

    private IEnumerable<TenantPlaces> Of(string? tenant)
    {
        if (tenant is null)
        {
            return _tenants.Values;
        }

        return _tenants.TryGetValue(tenant, out var places) ? [places] : [];
    }

    private IEnumerable<HeldConversation> Known(RosterQuery query) =>
        from places in Of(query.Tenant)
        from id in query.Known ?? []
        let place = places.All.GetValueOrDefault(id)
        where place is not null
        select place.Shape;

    private IEnumerable<HeldConversation> Unstored(RosterQuery query) => Of(query.Tenant)
        .SelectMany(places => places.Behind(query.CreatedAt, query.Before).Take(query.Limit))
        .OrderByDescending(static shape => (shape.CreatedAt, shape.Id)).Take(query.Limit);

    private IReadOnlyList<HeldConversation> Recent(RosterQuery query) => [.. _recent
        .Where(turn => (query.Tenant is null || query.Tenant == turn.Key.Tenant) && IsOf(turn, query))
        .Reverse().DistinctBy(static turn => turn.Key).Take(query.Limit).Select(Look)];

    private HeldConversation Look(RecentTurn turn) =>
        _tenants.GetValueOrDefault(turn.Key.Tenant)?.All.GetValueOrDefault(turn.Key.Id.Value)?.Shape ??
        new HeldConversation(turn.Key.Tenant, turn.Key.Id.Value, turn.IsStored);

    private static bool IsOf(in RecentTurn turn, RosterQuery query) => query.Kind switch
    {
        OriginKind.Request => query.Text == turn.Origin.Request,
        OriginKind.Session => query.Text == turn.Origin.Session,
        _ => turn.TraceParent is { Length: >= TraceAt + TraceChars } parent &&
            parent.AsSpan(TraceAt, TraceChars).Equals(query.Text, StringComparison.OrdinalIgnoreCase),
    };

    private readonly record struct RecentTurn(
        ConversationKey Key, bool IsStored, TurnOrigin Origin, string? TraceParent);

    private sealed class TenantPlaces
    {
        private readonly SortedSet<HeldPlace> _unstored = new(NewestFirst.Order);

        public Dictionary<UInt128, HeldPlace> All { get; } = [];

        public void Add(HeldPlace place)
        {
            // A conversation that comes back may be here before its last activation has left.
            if (All.TryGetValue(place.Id, out var before))
            {
                _unstored.Remove(before);
            }

            All[place.Id] = place;
            if (!place.IsStored)
            {
                _unstored.Add(place);
            }
        }

        /// <summary>Says whether none is left.</summary>
        public bool Remove(HeldPlace place)
        {
            if (All.GetValueOrDefault(place.Id) == place)
            {
                All.Remove(place.Id);
                _unstored.Remove(place);
            }

            return All.Count == 0;
        }

        public IEnumerable<HeldConversation> Behind(long createdAt, UInt128 id) => _unstored
            .GetViewBetween(Bound(createdAt, id), Bound(long.MinValue, 0))
            .Where(place => (place.CreatedAt, place.Id) != (createdAt, id)).Select(static place => place.Shape);

        private static HeldPlace Bound(long createdAt, UInt128 id) =>
            new(new HeldConversation(string.Empty, id, IsStored: false, CreatedAt: createdAt));
    }

    private sealed class NewestFirst : IComparer<HeldPlace>
    {
        public static readonly NewestFirst Order = new();

        public int Compare(HeldPlace? x, HeldPlace? y) =>
            (y!.CreatedAt, y.Id).CompareTo((x!.CreatedAt, x.Id));
    }
}

/// <summary>The place of one activation in the roster. Its activation alone changes it.</summary>
/// <param name="shape">What is held at first.</param>
internal sealed class HeldPlace(HeldConversation shape)
{
    private volatile HeldConversation _shape = shape;

    public UInt128 Id { get; } = shape.Id;

    public long CreatedAt { get; } = shape.CreatedAt;

    public bool IsStored { get; } = shape.IsStored;

    /// <summary>What is held now.</summary>
    public HeldConversation Shape
    {
        get => _shape;
        set => _shape = value;
    }
}
