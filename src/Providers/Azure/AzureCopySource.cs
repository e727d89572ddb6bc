using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Copying;
using Evergrain.Providers.Journals;

namespace Evergrain.Providers.Azure;

/// <summary>The journal in Azure Storage, to be copied.</summary>
internal sealed class AzureCopySource : ICopySource
{
    private readonly AzureJournalLock _lock;
    private readonly ReadGate _gate;
    private readonly AzureReader _reader;
    private readonly AzureRoster _roster;
    private readonly AzureTotals _totals;
    private readonly int _format;

    private AzureCopySource(AzureJournalOptions options, AzureStore store, AzureJournalLock held, int format)
    {
        (_lock, _format, _gate) = (held, format, new ReadGate(options.ReadersMax));
        _reader = new AzureReader(store, _gate);
        _roster = new AzureRoster(store, hasLogs: true);
        _totals = new AzureTotals(store.Account);
    }

    /// <inheritdoc/>
    public Task Lost => _lock.Lost;

    /// <summary>Opens it, and holds its lease until disposed.</summary>
    /// <exception cref="JournalUnavailableException">
    /// There is none, a process serves it, or it cannot be read as it is.
    /// </exception>
    public static async Task<AzureCopySource> OpenAsync(
        AzureJournalOptions options, CancellationToken cancellationToken)
    {
        OptionRules.Check(options);
        var store = new AzureStore(new AzureAccount(options));

        // Before the lease, whose blob would be made.
        var format = await AzureSchema.ReadFormatAsync(store.Account, cancellationToken) ??
            throw new JournalUnavailableException($"There is no journal in {store.Account.Place}: correct --from.");
        await AzureCopyMark.CheckAsync(store, isTarget: false, cancellationToken);
        var held = await AzureJournalLock.TakeAsync(
            options, JournalOwner.Alone, waits: null, cancellationToken);
        return new AzureCopySource(options, store, held, format);
    }

    /// <inheritdoc/>
    public Task<int> ReadFormatAsync(CancellationToken cancellationToken) => Task.FromResult(_format);

    /// <inheritdoc/>
    public Task<IReadOnlyList<TenantTotal>> ReadTotalsAsync(CancellationToken cancellationToken) =>
        _totals.ReadAllAsync(cancellationToken);

    /// <inheritdoc/>
    public Task<RosterPage> ReadRosterAsync(long behind, CancellationToken cancellationToken) =>
        _roster.ReadAsync(behind, cancellationToken);

    /// <inheritdoc/>
    public IAsyncEnumerable<JournalEntry> ReadAsync(
        ConversationKey key, JournalEnd from, CancellationToken cancellationToken) =>
        _reader.ReadAsync(key, from, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _gate.CloseAsync();
        await _lock.DisposeAsync();
    }
}
