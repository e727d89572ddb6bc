using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Journals;

namespace Evergrain.Providers.Azure;

/// <summary>
/// A lease of a blob in the journal's container, held for as long as a process serves: by one that runs alone under an
/// id of its own, by the processes of a cluster together, under an id that follows from the cluster's name. A second
/// lease, of a cluster alone, says which format of records the process agrees on (<see cref="AzureFormat"/>).
/// </summary>
/// <remarks>
/// A process that was killed leaves its lease to run out, so the next one waits for that. A cluster's last process
/// leaves it too, since it does not know that it is the last. A process that cannot renew it goes on meanwhile: the
/// condition of each append keeps two writers of a conversation apart. The lease is taken again when the storage is
/// back; if another took it first, <see cref="Lost"/> fails.
/// </remarks>
public sealed class AzureJournalLock : IAsyncDisposable
{
    private const string BlobName = "lock", OwnerName = "evergrain_owner", Alone = "alone";

    private static readonly TimeSpan RenewInterval = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(500);

    private readonly AzureAccount _account;
    private readonly JournalOwner _owner;
    private readonly TimeProvider _time;
    private readonly TimeSpan _patience;
    private readonly BlobLease _lease;
    private readonly BlobLease? _format;
    private readonly CancellationTokenSource _released = new();
    private Task _holding = Task.CompletedTask;
    private long _kept;

    private AzureJournalLock(AzureJournalOptions options, JournalOwner owner)
    {
        (_account, _owner) = (new AzureAccount(options), owner);
        (_time, _patience) = (options.Time, options.LeasePatience);
        _lease = new BlobLease(
            _account, BlobName, owner.Name is { } name ? BlobLease.SharedId(name) : BlobLease.OwnId());
        _format = owner.IsShared ? AzureFormat.LeaseOf(_account, options.Format) : null;
    }

    /// <summary>
    /// Fails with a <see cref="JournalUnavailableException"/> when another process has the lease, or the others have
    /// written what this build does not read.
    /// </summary>
    public Task Lost => _holding;

    /// <summary>Is told when a lease that ran out is taken again, or would have without the others.</summary>
    public Action? Retaken { get; set; }

    /// <summary>Takes it, and holds it until disposed.</summary>
    /// <param name="options">Where the journal is.</param>
    /// <param name="owner">Whose process this is.</param>
    /// <param name="waits">Is told, once and in a sentence, when it has to be waited for; null: nobody is.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="JournalUnavailableException">
    /// Another process has it, or the storage cannot be reached or refuses.
    /// </exception>
    public static async Task<AzureJournalLock> TakeAsync(AzureJournalOptions options, JournalOwner owner,
        Action<string>? waits, CancellationToken cancellationToken)
    {
        OptionRules.Check(options);
        var held = new AzureJournalLock(options, owner);
        await AzureSchema.MakeContainerAsync(held._account, cancellationToken);
        await held.TakeAsync(held._lease, waits, cancellationToken);
        await held._lease.NoteAsync(OwnerName, owner.Name ?? Alone, cancellationToken);
        if (held._format is { } format)
        {
            // A process that raises the format has it for a moment.
            await held.TakeAsync(format, waits: null, cancellationToken);
        }

        held._kept = held._time.GetTimestamp();
        held._holding = held.HoldAsync();
        return held;
    }

    /// <summary>Lets it go; a cluster's runs out when nobody renews it.</summary>
    public async ValueTask DisposeAsync()
    {
        await _released.CancelAsync();
        await _holding.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _released.Dispose();
        if (!_owner.IsShared)
        {
            await _lease.ReleaseAsync();
        }
    }

    private async Task TakeAsync(BlobLease lease, Action<string>? waits, CancellationToken cancellationToken)
    {
        await lease.MakeAsync(cancellationToken);
        var begun = _time.GetTimestamp();
        while (!await lease.TryAcquireAsync(cancellationToken))
        {
            if (_time.GetElapsedTime(begun) > _patience)
            {
                throw await InUseAsync(cancellationToken);
            }

            waits?.Invoke($"Another process has {_account.Place}, or ended a moment ago. This one waits, " +
                $"{_patience} at most.");
            waits = null;
            await Task.Delay(RetryInterval, _time, cancellationToken);
        }
    }

    private async Task<JournalUnavailableException> InUseAsync(CancellationToken cancellationToken)
    {
        var holder = await _lease.ReadNoteAsync(OwnerName, cancellationToken);
        return new JournalUnavailableException(_owner.Refusal(
            $"The journal in {_account.Place}", holder == Alone ? null : holder, "container"));
    }

    /// <summary>Renews the leases, or takes them again where they ran out and nobody else took them.</summary>
    private async Task KeepAsync()
    {
        // Others of the cluster keep the leases while this process is paused or cut off.
        var wasAway = _time.GetElapsedTime(_kept) > BlobLease.Time;
        var isRenewed = await _lease.TryRenewAsync(_released.Token);
        if (!isRenewed && !await _lease.TryAcquireAsync(_released.Token))
        {
            throw await InUseAsync(_released.Token);
        }

        if (_format is { } format && (!await format.TryRenewAsync(_released.Token) || wasAway))
        {
            // Without it, the others may have agreed on a format that this build does not read. If it is not to be had
            // now, since the format is being raised, it is asked for again in a moment.
            await format.TryAcquireAsync(_released.Token);
            await AzureSchema.JoinAsync(_account, _released.Token);
        }

        _kept = _time.GetTimestamp();
        if (!isRenewed || wasAway)
        {
            Retaken?.Invoke();
        }
    }

    private async Task HoldAsync()
    {
        var pause = RenewInterval;
        while (!_released.IsCancellationRequested)
        {
            await Task.Delay(pause, _time, _released.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            try
            {
                _released.Token.ThrowIfCancellationRequested();
                await KeepAsync();
                pause = RenewInterval;
            }
            catch (JournalUnavailableException e) when (e.InnerException is not null)
            {
                // The storage is away; the appends say so.
                pause = RetryInterval;
            }
            catch (OperationCanceledException) when (_released.IsCancellationRequested)
            {
                return;
            }
        }
    }
}
