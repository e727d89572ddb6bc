using System.ComponentModel.DataAnnotations;
using Azure.Storage.Blobs.Specialized;
using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;
using Evergrain.Providers.Copying;
using Evergrain.Providers.Journals;

namespace Evergrain.Providers.Azure;

/// <summary>
/// The journal in Azure Storage: an append blob and sealed extents for each conversation, and a table that lists them.
/// An append is one request, whose condition is the ETag of the blob.
/// </summary>
/// <remarks>
/// <para>
/// An append that returned is in the account, as durable as its redundancy says. The SDK sends a request again whose
/// answer was lost; an append that is refused then is looked for in the log, so that it is stored once and reported as
/// it is.
/// </para>
/// <para>
/// Conversations are listed in the order of the clocks of the processes that began them. A log that is begun, stored
/// and deleted by another process before its first answer arrives begins once more.
/// </para>
/// </remarks>
public sealed class AzureJournal : IJournal, ILifetimeStore, ITenantTotals, ICopyTarget
{
    private readonly AzureFormat _format;
    private readonly AzureAccount _account;
    private readonly AzureMeter _meter;
    private readonly StoreCondition _condition;
    private readonly StoreProbe _probe;
    private readonly AzureWriter _writer;
    private readonly AzureReader _reader;
    private readonly AzureLists _lists;
    private readonly AzureTotals _totals;
    private readonly AzureAges _ages;
    private readonly AzureRoster _roster;
    private readonly ReadGate _writes, _reads;
    private readonly JournalCheck? _check;
    private int _disposed;

    private AzureJournal(AzureJournalOptions options, AzureStore store, AzureFormat format)
    {
        var account = store.Account;
        (_format, _account) = (format, account);
        _roster = new AzureRoster(store, hasLogs: options.IsCopyTarget);
        _meter = store.Meter;
        (_writes, _reads) = (new ReadGate(options.WritersMax), new ReadGate(options.ReadersMax));
        _writer = new AzureWriter(options, store);
        _reader = new AzureReader(store, _reads);
        _lists = new AzureLists(store, _reads);
        _ages = new AzureAges(store, _reads, finishes: true);
        _totals = new AzureTotals(account);
        _condition = new StoreCondition(options.Logger, options.Time);

        // A conversation is read before its first append.
        account.Away = _condition.Failed;
        _probe = new StoreProbe(_condition, token => WriteProbeAsync(account, token), options.Time);
        _check = options.Check is { } setup ? new JournalCheck(this, new HiddenConversations(), setup) : null;
    }

    /// <inheritdoc/>
    public int Format => _format.Current;

    /// <inheritdoc/>
    public string? Obstacle => _condition.Obstacle;

    /// <summary>Account and container, for people; never the key.</summary>
    public string Place => _account.Place;

    /// <summary>What was done since the journal was opened.</summary>
    public AzureJournalCounters Counters => _meter.Read();

    /// <summary>Ends once the journal was checked for the first time; at once where it is not checked.</summary>
    internal Task FirstCheck => _check?.FirstRound ?? Task.CompletedTask;

    /// <summary>Makes the container and the tables, or finds those that are there.</summary>
    /// <exception cref="JournalUnavailableException">
    /// The account is mistaken, cannot be reached or refuses, or a newer build wrote the journal. The message never
    /// holds the key.
    /// </exception>
    /// <exception cref="ValidationException">An option is out of its range.</exception>
    public static async Task<AzureJournal> OpenAsync(AzureJournalOptions options, CancellationToken cancellationToken)
    {
        OptionRules.Check(options);
        var store = new AzureStore(new AzureAccount(options));
        var written = await AzureSchema.PrepareAsync(store.Account, options, cancellationToken);
        await AzureCopyMark.CheckAsync(store, options.IsCopyTarget, cancellationToken);
        await AzureErasure.LookAsync(store.Account, options.Logger, cancellationToken);
        return new AzureJournal(
            options, store, await AzureFormat.OpenAsync(store.Account, options, written, cancellationToken));
    }

    /// <inheritdoc/>
    public async ValueTask AppendAsync(ConversationKey key, JournalEnd end, ulong writer, ReadOnlyMemory<byte> records,
        CancellationToken cancellationToken)
    {
        JournalBounds.CheckAppend(end, records);
        await WriteAsync(() => _writer.AppendAsync(
            key, end, new JournalEntry(end.Position, writer, records), cancellationToken), cancellationToken);
        _meter.Appended(records.Length);
    }

    /// <inheritdoc/>
    public IAsyncEnumerable<JournalEntry> ReadAsync(
        ConversationKey key, JournalEnd from, CancellationToken cancellationToken)
    {
        JournalBounds.CheckEnd(from);
        return _reader.ReadAsync(key, from, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<ConversationId>> ListAsync(string tenant, ConversationId? after, int limit,
        CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        return await _lists.OldestAsync(tenant, after, limit, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<JournalListing> ListNewestAsync(IReadOnlyList<string> tenants, long before, int limit,
        CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        return await _lists.NewestAsync(tenants, before, limit, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<long?> FindNumberAsync(ConversationKey key, CancellationToken cancellationToken) =>
        await _lists.NumberOfAsync(key, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<string>> ListTenantsAsync(int limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        return await _lists.TenantsAsync(limit, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask DeleteAsync(ConversationKey key, JournalEnd end, CancellationToken cancellationToken)
    {
        JournalBounds.CheckEnd(end);
        await WriteAsync(() => _writer.DeleteAsync(key, end, cancellationToken), cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<NumberedConversation>> ListOldestAsync(
        string tenant, long behind, int limit, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        return await _ages.ListOldestAsync(tenant, behind, limit, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<AgedConversation>> ReadAgesAsync(
        IReadOnlyList<NumberedConversation> some, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(some);
        return await _ages.ReadAsync(some, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<KeptLifetime>> ReadLifetimesAsync(CancellationToken cancellationToken) =>
        await AzureLifetimes.ReadAsync(_account, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<KeptLifetime>> KeepLifetimesAsync(
        IReadOnlyList<LifetimeRule> rules, DateTimeOffset now, CancellationToken cancellationToken) =>
        await AzureLifetimes.KeepAsync(_account, rules, now, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask AddAsync(string tenant, TenantReport report, CancellationToken cancellationToken) =>
        await _totals.AddAsync(tenant, report, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<TurnCounts> GetAsync(string tenant, CancellationToken cancellationToken) =>
        await _totals.GetAsync(tenant, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            if (_check is not null)
            {
                await _check.DisposeAsync();
            }

            await _probe.DisposeAsync();
            await _format.DisposeAsync();
            await _writes.CloseAsync();
            await _reads.CloseAsync();
            _writer.Dispose();
        }
    }

    Task<RosterPage> ICheckedJournal.ReadRosterAsync(long behind, CancellationToken cancellationToken) =>
        _roster.ReadAsync(behind, cancellationToken);

    async Task ICopyTarget.EndCopyAsync(IReadOnlyList<TenantTotal> totals, CancellationToken cancellationToken)
    {
        await _totals.ReplaceAsync(totals, cancellationToken);
        await AzureCopyMark.RemoveAsync(_account, cancellationToken);
    }

    private static Task WriteProbeAsync(AzureAccount account, CancellationToken cancellationToken) => account.RunAsync(
        token => account.Container.GetAppendBlobClient(AzureSchema.ProbeName).CreateAsync(cancellationToken: token),
        cancellationToken);

    private Task WriteAsync(Func<Task> write, CancellationToken cancellationToken) => _writes.RunAsync(async () =>
    {
        try
        {
            await write();
            _condition.Succeeded();
            return true;
        }
        catch (PositionTakenException)
        {
            _meter.Refused();
            throw;
        }
        catch (JournalUnavailableException e)
        {
            _meter.Failed();
            if (e.InnerException is not null)
            {
                _condition.Failed(e);
            }

            throw new JournalUnavailableException($"{e.Message} Whether it was done is not known.", e)
            {
                Brief = e.Brief,
            };
        }
    }, cancellationToken);
}
