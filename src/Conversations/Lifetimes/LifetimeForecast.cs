using System.Globalization;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;

namespace Evergrain.Conversations.Lifetimes;

/// <summary>What a rule will remove at a time, if nobody goes on with it.</summary>
/// <param name="Rule">The rule.</param>
/// <param name="At">When: at once, or once the rule has counted for its lifetime.</param>
/// <param name="Conversations">How many.</param>
/// <param name="IsComplete">Whether all conversations were looked at.</param>
public sealed record LifetimeForecast(KeptLifetime Rule, DateTimeOffset At, long Conversations, bool IsComplete)
{
    // Some seconds of reading.
    private const int LooksMax = 100_000;

    private const int PageMax = 128;

    // Conversations whose ends are read at once, with 4 KiB of each at most.
    private const int EndsMax = 64;

    private const int TenantsMax = 100_000;

    /// <summary>How many, in words.</summary>
    public string Count => string.Create(CultureInfo.InvariantCulture,
        $"{(IsComplete ? "" : "at least ")}{Conversations} conversation{(Conversations == 1 ? "" : "s")}");

    /// <summary>Whose, in words.</summary>
    public string Owner => Rule.Tenant == ResponseLifetimes.Others
        ? "tenants without a rule of their own"
        : $"tenant {Rule.Tenant}";

    /// <summary>When, in words.</summary>
    public string Time => Write(At);

    /// <summary>A time in words.</summary>
    public static string Write(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);

    /// <summary>Looks at the conversations of a rule's tenants, and changes nothing.</summary>
    public static async Task<LifetimeForecast> MakeAsync(ILifetimeReader reader, ResponseLifetimes lifetimes,
        KeptLifetime rule, DateTimeOffset now, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(reader);
        ArgumentNullException.ThrowIfNull(lifetimes);
        var at = rule.Since + rule.Lifetime > now ? rule.Since + rule.Lifetime : now;
        var endedBy = (at - rule.Lifetime).ToUnixTimeMilliseconds();
        var (looks, found) = (0, 0L);
        foreach (var tenant in await reader.ListTenantsAsync(TenantsMax, cancellationToken))
        {
            var isOfRule = lifetimes.RuleOf(tenant) == rule.Tenant;
            for (var behind = 0L; isOfRule;)
            {
                if (looks >= LooksMax)
                {
                    return new LifetimeForecast(rule, at, found, IsComplete: false);
                }

                var page = await reader.ListOldestAsync(tenant, behind, PageMax, cancellationToken);
                var old = page.TakeWhile(one => one.BegunAt is not { } begunAt || begunAt <= endedBy).ToList();

                // A rule that begins now removes every conversation that nobody goes on with.
                found += endedBy >= now.ToUnixTimeMilliseconds()
                    ? old.Count
                    : await CountAsync(reader, old, endedBy, cancellationToken);
                (looks, isOfRule) = (looks + page.Count, old.Count == PageMax);
                behind = isOfRule ? page[^1].Number : behind;
            }
        }

        return new LifetimeForecast(rule, at, found, IsComplete: true);
    }

    /// <summary>How many have ended by a time. A log whose end tells no time may be as old as any.</summary>
    private static async Task<long> CountAsync(ILifetimeReader reader, List<NumberedConversation> all, long endedBy,
        CancellationToken cancellationToken)
    {
        var found = 0L;
        foreach (var some in all.Chunk(EndsMax))
        {
            var ages = await reader.ReadAgesAsync(some, cancellationToken);
            found += ages.Count(aged => (LastRecord.TimeOf(aged.LastTail, aged.Key) ?? 0) <= endedBy);
        }

        return found;
    }
}
