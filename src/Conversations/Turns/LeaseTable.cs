using Evergrain.Conversations.Ids;

namespace Evergrain.Conversations.Turns;

/// <summary>
/// Which connections hold unstored turns here, and until when. Each lease is looked at twice: before its end, when a
/// renewal must have come unless the process stood still, and at its end.
/// </summary>
internal sealed class LeaseTable
{
    private readonly Dictionary<LeaseId, LeaseTime> _times = [];

    /// <summary>When the first lease is to be looked at; null if there is none.</summary>
    public DateTimeOffset? FirstLook =>
        _times.Count == 0 ? null : _times.Values.Min(static time => time.LooksAt);

    /// <summary>How many there are.</summary>
    public int Count => _times.Count;

    /// <summary>Every lease and when it ends.</summary>
    public IEnumerable<(LeaseId Lease, DateTimeOffset EndsAt)> All =>
        _times.Select(static time => (time.Key, time.Value.EndsAt));

    public void Renew(LeaseId lease, DateTimeOffset now) => _times[lease] =
        new LeaseTime(now + Limits.LeaseDuration - Limits.LeaseLookTime, now + Limits.LeaseDuration);

    public void RenewIfHeld(LeaseId lease, DateTimeOffset now)
    {
        if (_times.ContainsKey(lease))
        {
            Renew(lease, now);
        }
    }

    /// <summary>Renews every lease: their connections had no chance to do so.</summary>
    public void RenewAll(DateTimeOffset now)
    {
        foreach (var lease in _times.Keys.ToList())
        {
            Renew(lease, now);
        }
    }

    /// <summary>Takes over a lease that was given elsewhere; its end may be no later than if it were renewed
    /// now.</summary>
    public void TakeOver(LeaseId lease, DateTimeOffset endsAt, DateTimeOffset now)
    {
        Renew(lease, now);
        if (endsAt < _times[lease].EndsAt)
        {
            var looksAt = endsAt - Limits.LeaseLookTime;
            _times[lease] = new LeaseTime(looksAt > now ? looksAt : endsAt, endsAt);
        }
    }

    public void End(LeaseId lease) => _times.Remove(lease);

    /// <summary>Looks at the leases whose time has come; returns those that have ended.</summary>
    public List<LeaseId> LookAt(DateTimeOffset now)
    {
        var seen = _times.Where(time => time.Value.LooksAt <= now).ToList();
        foreach (var (lease, time) in seen)
        {
            _times[lease] = time with { LooksAt = time.EndsAt };
        }

        return [.. seen.Where(time => time.Value.EndsAt <= now).Select(static time => time.Key)];
    }

    private readonly record struct LeaseTime(DateTimeOffset LooksAt, DateTimeOffset EndsAt);
}
