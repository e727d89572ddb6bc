using Evergrain.Conversations.Ids;

namespace Evergrain.Conversations.Ports;

/// <summary>
/// What a journal knows of the age of its conversations: how each ends, and since when each lifetime counts. A store
/// that cannot be reached throws <see cref="JournalUnavailableException"/>.
/// </summary>
public interface ILifetimeReader
{
    /// <inheritdoc cref="IJournal.ListTenantsAsync"/>
    ValueTask<IReadOnlyList<string>> ListTenantsAsync(int limit, CancellationToken cancellationToken);

    /// <summary>
    /// Conversations of a tenant in order of creation, at most <paramref name="limit"/>, with numbers above
    /// <paramref name="behind"/>. An index leads to them, so that a page costs the same however many there are. Some
    /// may be deleted. Fewer than the limit: no other follows.
    /// </summary>
    /// <exception cref="Records.JournalCorruptException">An index leads to another tenant's conversation.</exception>
    ValueTask<IReadOnlyList<NumberedConversation>> ListOldestAsync(
        string tenant, long behind, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// Some of these with the end of their last append, in the same order. One that is not there any more is left out,
    /// or has no end.
    /// </summary>
    /// <param name="some">At least one, and all of one tenant.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="Records.JournalCorruptException">An index leads to another tenant's conversation.</exception>
    ValueTask<IReadOnlyList<AgedConversation>> ReadAgesAsync(
        IReadOnlyList<NumberedConversation> some, CancellationToken cancellationToken);

    /// <summary>The lifetimes that the last start had; none where it had none.</summary>
    ValueTask<IReadOnlyList<KeptLifetime>> ReadLifetimesAsync(CancellationToken cancellationToken);
}

/// <summary>The same, for those who may change it.</summary>
public interface ILifetimeStore : ILifetimeReader
{
    /// <summary>
    /// Replaces the kept lifetimes by what <see cref="KeptLifetime.Next"/> gives for them, in one transaction. Where
    /// there is no rule and nothing is kept, nothing is written.
    /// </summary>
    /// <param name="rules">What the settings say.</param>
    /// <param name="now">The time of this start.</param>
    /// <param name="cancellationToken">Stops waiting; whether they were replaced is then unknown.</param>
    /// <returns>What is kept now.</returns>
    ValueTask<IReadOnlyList<KeptLifetime>> KeepLifetimesAsync(
        IReadOnlyList<LifetimeRule> rules, DateTimeOffset now, CancellationToken cancellationToken);
}

/// <summary>A conversation as an index has it.</summary>
/// <param name="Key">Whose, and which.</param>
/// <param name="Number">Grows with each conversation that begins.</param>
public readonly record struct NumberedConversation(ConversationKey Key, long Number)
{
    /// <summary>
    /// When it began in this journal, in milliseconds since the Unix epoch; null: its number does not tell.
    /// </summary>
    public long? BegunAt { get; init; }
}

/// <summary>A conversation and the end of its last append.</summary>
/// <param name="Key">Whose, and which.</param>
/// <param name="Number">Grows with each conversation that begins.</param>
/// <param name="End">Where its log ends.</param>
/// <param name="LastTail">
/// The last bytes of its last append, <see cref="JournalBounds.LastTailBytes"/> of them if there are so many; empty
/// where that append is missing.
/// </param>
public readonly record struct AgedConversation(
    ConversationKey Key, long Number, JournalEnd End, ReadOnlyMemory<byte> LastTail);

/// <summary>How long responses are kept, as the settings say it.</summary>
/// <param name="Tenant">Whose; <c>*</c>: those of all tenants without a rule of their own.</param>
/// <param name="Lifetime">How long, above zero.</param>
public readonly record struct LifetimeRule(string Tenant, TimeSpan Lifetime);

/// <summary>A lifetime, and since when it counts.</summary>
/// <param name="Tenant">Whose; <c>*</c>: those of all tenants without a rule of their own.</param>
/// <param name="Lifetime">How long.</param>
/// <param name="Since">The first start with it, in whole milliseconds.</param>
public readonly record struct KeptLifetime(string Tenant, TimeSpan Lifetime, DateTimeOffset Since)
{
    /// <summary>Whether it counts from a start on.</summary>
    public bool BeginsAt(DateTimeOffset now) => Since.ToUnixTimeMilliseconds() == now.ToUnixTimeMilliseconds();

    /// <summary>
    /// What is kept from a start on. A rule that is new, or shorter than before, counts from now. One that is as long
    /// as before, or longer, goes on. What no rule speaks of any more is forgotten.
    /// </summary>
    public static IReadOnlyList<KeptLifetime> Next(
        IReadOnlyList<KeptLifetime> before, IReadOnlyList<LifetimeRule> rules, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(rules);
        var kept = before.ToDictionary(static one => one.Tenant, StringComparer.Ordinal);
        return
        [
            .. rules.Select(rule => kept.TryGetValue(rule.Tenant, out var known) && rule.Lifetime >= known.Lifetime
                ? known with { Lifetime = rule.Lifetime }
                : new KeptLifetime(rule.Tenant, rule.Lifetime,
                    DateTimeOffset.FromUnixTimeMilliseconds(now.ToUnixTimeMilliseconds()))),
        ];
    }
}
