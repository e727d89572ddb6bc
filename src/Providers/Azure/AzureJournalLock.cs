using Azure;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Azure;

/// <summary>
/// A lease of a blob in the journal's container, held by a process that runs alone for as long as it serves.
/// </summary>
/// <remarks>
/// A process that was killed leaves its lease to run out, so the next one waits for that. A process that cannot renew
/// it goes on meanwhile: the condition of each append keeps two writers of a conversation apart. The lease is taken
/// again when the storage is back; if another process took it first, <see cref="Lost"/> fails.
/// </remarks>
public sealed class AzureJournalLock : IAsyncDisposable
{
    private const string BlobName = "lock";

    /// <summary>The shortest that Azure gives.</summary>
    private static readonly TimeSpan LeaseTime = TimeSpan.FromSeconds(15);

    private static readonly TimeSpan RenewInterval = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(500);

    // The lease of a process that died runs out within its time; the clock of the storage counts.
    private static readonly TimeSpan Patience = LeaseTime + TimeSpan.FromSeconds(3);

    private readonly AzureAccount _account;
    private readonly TimeProvider _time;
    private readonly BlobLeaseClient _lease;
    private readonly CancellationTokenSource _released = new();
    private Task _holding = Task.CompletedTask;

    private AzureJournalLock(AzureJournalOptions options)
    {
        (_account, _time) = (new AzureAccount(options), options.Time);
        _lease = _account.Container.GetBlobClient(BlobName)
            .GetBlobLeaseClient(new RandomIdSource().Next128().ToString("x32", null));
    }

    /// <summary>Fails with a <see cref="JournalUnavailableException"/> when another process has the lease.</summary>
    public Task Lost => _holding;

    /// <summary>Is told when a lease that ran out is taken again.</summary>
    public Action? Retaken { get; set; }

    /// <summary>Takes it, and holds it until disposed.</summary>
    /// <param name="options">Where the journal is.</param>
    /// <param name="waits">Is told, once and in a sentence, when it has to be waited for; null: nobody is.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="JournalUnavailableException">
    /// Another process has it, or the storage cannot be reached or refuses.
    /// </exception>
    public static async Task<AzureJournalLock> TakeAsync(
        AzureJournalOptions options, Action<string>? waits, CancellationToken cancellationToken)
    {
        OptionRules.Check(options);
        var held = new AzureJournalLock(options);
        await AzureSchema.MakeContainerAsync(held._account, cancellationToken);
        await held.MakeAsync(cancellationToken);
        var begun = options.Time.GetTimestamp();
        while (!await held.TryAcquireAsync(cancellationToken))
        {
            if (options.Time.GetElapsedTime(begun) > Patience)
            {
                throw held.InUse();
            }

            waits?.Invoke($"Another process has {held._account.Place}, or was killed a moment ago. This one waits, " +
                $"{Patience} at most.");
            waits = null;
            await Task.Delay(RetryInterval, options.Time, cancellationToken);
        }

        held._holding = held.HoldAsync();
        return held;
    }

    /// <summary>Lets it go.</summary>
    public async ValueTask DisposeAsync()
    {
        await _released.CancelAsync();
        await _holding.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _released.Dispose();
        try
        {
            await _account.RunAsync(token => _lease.ReleaseAsync(cancellationToken: token), CancellationToken.None);
        }
        catch (JournalUnavailableException)
        {
            // It is another's by now, or runs out by itself.
        }
    }

    private JournalUnavailableException InUse() =>
        new($"The journal in {_account.Place} is in use by another process: stop it.");

    private Task MakeAsync(CancellationToken cancellationToken) => _account.RunAsync(async token =>
    {
        try
        {
            await _account.Container.GetBlockBlobClient(BlobName).UploadAsync(Stream.Null,
                new BlobUploadOptions { Conditions = new BlobRequestConditions { IfNoneMatch = ETag.All } }, token);
        }
        catch (RequestFailedException e) when (e.Status is 409 or 412)
        {
            // It is there, perhaps under a lease.
        }

        return true;
    }, cancellationToken);

    /// <summary>Takes the lease, or again if it is this process's; false: another process has it.</summary>
    private Task<bool> TryAcquireAsync(CancellationToken cancellationToken) => _account.RunAsync(async token =>
    {
        try
        {
            await _lease.AcquireAsync(LeaseTime, cancellationToken: token);
            return true;
        }
        catch (RequestFailedException e) when (e.Status == 409)
        {
            return false;
        }
    }, cancellationToken);

    /// <summary>False: it ran out, and perhaps another process has it.</summary>
    private Task<bool> TryRenewAsync(CancellationToken cancellationToken) => _account.RunAsync(async token =>
    {
        try
        {
            await _lease.RenewAsync(cancellationToken: token);
            return true;
        }
        catch (RequestFailedException e) when (e.Status is 409 or 412)
        {
            return false;
        }
    }, cancellationToken);

    /// <summary>Renews the lease, or takes it again where it ran out and nobody else took it.</summary>
    private async Task KeepAsync()
    {
        if (await TryRenewAsync(_released.Token))
        {
            return;
        }

        if (!await TryAcquireAsync(_released.Token))
        {
            throw InUse();
        }

        Retaken?.Invoke();
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
