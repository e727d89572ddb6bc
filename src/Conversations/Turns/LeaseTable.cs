using Evergrain.Conversations.Ids;

namespace Evergrain.Conversations.Turns;

/// <summary>Which connections hold unstored turns here, and until when.</summary>
internal sealed class LeaseTable
{
    private readonly Dictionary<LeaseId, DateTimeOffset> _endsAt = [];

    /// <summary>When the first lease ends; null if there is none.</summary>
    public DateTimeOffset? FirstEnd => _endsAt.Count == 0 ? null : _endsAt.Values.Min();

    /// <summary>Every lease and when it ends.</summary>
    public IReadOnlyCollection<KeyValuePair<LeaseId, DateTimeOffset>> All => _endsAt;

    public void Renew(LeaseId lease, DateTimeOffset now) => _endsAt[lease] = now + Limits.LeaseDuration;

    public void RenewIfHeld(LeaseId lease, DateTimeOffset now)
    {
        if (_endsAt.ContainsKey(lease))
        {
            Renew(lease, now);
        }
    }

    /// <summary>Takes over a lease that was given elsewhere; its end may be no later than if it were renewed
    /// now.</summary>
    public void TakeOver(LeaseId lease, DateTimeOffset endsAt, DateTimeOffset now) =>
        _endsAt[lease] = endsAt < now + Limits.LeaseDuration ? endsAt : now + Limits.LeaseDuration;

    public void End(LeaseId lease) => _endsAt.Remove(lease);

    public List<LeaseId> EndedAt(DateTimeOffset now) =>
        [.. _endsAt.Where(lease => lease.Value <= now).Select(lease => lease.Key)];
}
