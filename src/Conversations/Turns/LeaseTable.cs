using Evergrain.Conversations.Ids;

namespace Evergrain.Conversations.Turns;

/// <summary>Which connections hold unstored turns here, and until when.</summary>
internal sealed class LeaseTable
{
    private readonly Dictionary<LeaseId, DateTimeOffset> _endsAt = [];

    /// <summary>When the first lease ends; null if there is none.</summary>
    public DateTimeOffset? FirstEnd => _endsAt.Count == 0 ? null : _endsAt.Values.Min();

    public void Renew(LeaseId lease, DateTimeOffset now) => _endsAt[lease] = now + Limits.LeaseDuration;

    public bool Holds(LeaseId lease) => _endsAt.ContainsKey(lease);

    public void End(LeaseId lease) => _endsAt.Remove(lease);

    public List<LeaseId> EndedAt(DateTimeOffset now) =>
        [.. _endsAt.Where(lease => lease.Value <= now).Select(lease => lease.Key)];
}
