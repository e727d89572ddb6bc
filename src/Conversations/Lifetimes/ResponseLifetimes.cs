using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Lifetimes;

/// <summary>How long the responses of each tenant are kept. Without a rule they are kept for ever.</summary>
public sealed class ResponseLifetimes
{
    /// <summary>The tenant whose rule speaks for all that have none of their own.</summary>
    public const string Others = "*";

    // Zero: its responses are kept for ever, whatever the rule of others says.
    private readonly Dictionary<string, TimeSpan> _rules = new(StringComparer.Ordinal);
    private volatile IReadOnlyDictionary<string, KeptLifetime> _kept =
        new Dictionary<string, KeptLifetime>(StringComparer.Ordinal);

    /// <summary>The rules.</summary>
    public IReadOnlyList<LifetimeRule> Rules => [.. _rules.Where(static rule => rule.Value > TimeSpan.Zero)
        .Select(static rule => new LifetimeRule(rule.Key, rule.Value))];

    /// <summary>Sets the rule of a tenant, or of <see cref="Others"/>; zero: for ever.</summary>
    public void Set(string tenant, TimeSpan lifetime) => _rules[tenant] = lifetime;

    /// <summary>Has the rules counted from the times that the journal keeps. Nothing expires before that.</summary>
    public void Use(IReadOnlyList<KeptLifetime> kept) =>
        _kept = kept.ToDictionary(static one => one.Tenant, StringComparer.Ordinal);

    /// <summary>Whose rule a tenant has: its own, or that of <see cref="Others"/>.</summary>
    public string RuleOf(string tenant) => _rules.ContainsKey(tenant) ? tenant : Others;

    /// <summary>
    /// The turns of a tenant that ended at this time or before have expired. In milliseconds since the Unix epoch;
    /// null: none has.
    /// </summary>
    public long? CutoffOf(string tenant, DateTimeOffset now) =>
        _kept.TryGetValue(RuleOf(tenant), out var kept) && now - kept.Since >= kept.Lifetime
            ? (now - kept.Lifetime).ToUnixTimeMilliseconds()
            : null;
}
