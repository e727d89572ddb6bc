using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Journals;

namespace Evergrain.Providers.Azure;

/// <summary>The ages of conversations in Azure Storage, also while a server runs on it. Nothing changes.</summary>
internal sealed class AzureLifetimeReader : ILifetimeReader
{
    private readonly AzureStore _store;
    private readonly AzureAges _ages;

    private AzureLifetimeReader(AzureJournalOptions options, AzureStore store) =>
        (_store, _ages) = (store, new AzureAges(store, new ReadGate(options.ReadersMax), finishes: false));

    /// <summary>Opens it; null: there is no journal.</summary>
    /// <exception cref="JournalUnavailableException">It cannot be read as it is.</exception>
    public static async Task<AzureLifetimeReader?> OpenAsync(
        AzureJournalOptions options, CancellationToken cancellationToken)
    {
        OptionRules.Check(options);
        var store = new AzureStore(new AzureAccount(options));
        return await AzureSchema.ReadFormatAsync(store.Account, cancellationToken) is null
            ? null
            : new AzureLifetimeReader(options, store);
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<string>> ListTenantsAsync(int limit, CancellationToken cancellationToken)
    {
        var names = new List<string>();
        while (names.Count < limit && await _store.Index.NextTenantAsync(
            names.Count == 0 ? "" : names[^1], cancellationToken) is { } first)
        {
            names.Add(first.Key.Tenant);
        }

        return names;
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<NumberedConversation>> ListOldestAsync(
        string tenant, long behind, int limit, CancellationToken cancellationToken) =>
        await _ages.ListOldestAsync(tenant, behind, limit, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<AgedConversation>> ReadAgesAsync(
        IReadOnlyList<NumberedConversation> some, CancellationToken cancellationToken) =>
        await _ages.ReadAsync(some, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<KeptLifetime>> ReadLifetimesAsync(CancellationToken cancellationToken) =>
        await AzureLifetimes.ReadAsync(_store.Account, cancellationToken);
}
