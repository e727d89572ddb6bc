using System.Collections.Concurrent;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;
using Evergrain.Conversations.Wire;
using Evergrain.Frontend.Telemetry;

namespace Evergrain.Frontend.Admission;

/// <summary>
/// Bounds the turns that a tenant begins in a minute, and the tokens that its turns take. A minute's worth may be used
/// at once and comes back evenly. Nobody waits here: whoever is over the bound is told when to come back.
/// </summary>
internal sealed class RateGate(AdmissionSettings settings, AdmissionInstruments instruments, TimeProvider time)
{
    private readonly ConcurrentDictionary<string, TenantRate> _tenants = new(StringComparer.Ordinal);

    /// <summary>The tenants that have begun turns here and have a bound per minute.</summary>
    public IEnumerable<string> Bounded => _tenants.Keys.Where(tenant => settings.Current.Of(tenant).HasRates);

    /// <summary>Turns that a tenant has begun here while it had a bound.</summary>
    public long BegunBy(string tenant) => _tenants.TryGetValue(tenant, out var rate) ? rate.Begun : 0;

    /// <summary>Counts a turn that begins.</summary>
    /// <exception cref="ConversationException">The tenant has used up its turns, or its tokens.</exception>
    public void Enter(string tenant)
    {
        var bounds = settings.Current.Of(tenant);
        if (!bounds.HasRates)
        {
            return;
        }

        var rate = RateOf(tenant);
        lock (rate)
        {
            if (bounds.TokensPerMinute is { } tokens && !rate.Tokens.Has(1, tokens))
            {
                throw Refuse(AdmissionBound.TenantTokensPerMinute, tokens, rate.Tokens.TimeUntil(1, tokens));
            }

            if (bounds.TurnsPerMinute is { } turns)
            {
                if (!rate.Turns.Has(1, turns))
                {
                    throw Refuse(AdmissionBound.TenantTurnsPerMinute, turns, rate.Turns.TimeUntil(1, turns));
                }

                rate.Turns.Take(1);
            }

            rate.Begun++;
        }
    }

    /// <summary>Turns of a tenant have ended: takes their tokens.</summary>
    public void Ended(string tenant, in TurnCounts counts) => Take(tenant, 0, counts.InputTokens + counts.OutputTokens);

    /// <summary>Takes what was used elsewhere, or is known now.</summary>
    public void Take(string tenant, long turns, long tokens)
    {
        var bounds = settings.Current.Of(tenant);
        if (!bounds.HasRates || turns + tokens == 0)
        {
            return;
        }

        var rate = RateOf(tenant);
        lock (rate)
        {
            if (bounds.TurnsPerMinute is not null)
            {
                rate.Turns.Take(turns);
            }

            if (bounds.TokensPerMinute is not null)
            {
                rate.Tokens.Take(tokens);
            }
        }
    }

    /// <summary>Where a tenant stands: of turns, then of tokens; null where there is no bound.</summary>
    public (RateStanding? Turns, RateStanding? Tokens) StandingOf(string tenant)
    {
        var bounds = settings.Current.Of(tenant);
        if (!bounds.HasRates)
        {
            return default;
        }

        var rate = RateOf(tenant);
        lock (rate)
        {
            return (Standing(rate.Turns, bounds.TurnsPerMinute), Standing(rate.Tokens, bounds.TokensPerMinute));
        }
    }

    private static RateStanding? Standing(RateBucket bucket, long? bound) => bound is { } max
        ? new RateStanding(max, Math.Max(0, (long)bucket.Left(max)), bucket.TimeUntil(max, max))
        : null;

    private TenantRate RateOf(string tenant) => _tenants.GetOrAdd(
        tenant, static (_, clock) => new TenantRate(new RateBucket(clock), new RateBucket(clock)), time);

    private ConversationException Refuse(AdmissionBound bound, long max, TimeSpan retryAfter)
    {
        instruments.TurnRefused(bound);
        var refusal = bound.Refuse(max, retryAfter);
        return new ConversationException(refusal with { Message = RetryHint.Append(refusal.Message, retryAfter) });
    }

    /// <summary>What one tenant has used. Kept for good: API keys name all that there can be.</summary>
    private sealed class TenantRate(RateBucket turns, RateBucket tokens)
    {
        public RateBucket Turns { get; } = turns;

        public RateBucket Tokens { get; } = tokens;

        public long Begun { get; set; }
    }
}

/// <summary>Where a tenant stands with a bound per minute.</summary>
/// <param name="Max">The bound.</param>
/// <param name="Left">What is left of it.</param>
/// <param name="Reset">How long it takes until all of it is left.</param>
internal readonly record struct RateStanding(long Max, long Left, TimeSpan Reset);
