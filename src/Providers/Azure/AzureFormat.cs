using System.Globalization;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;

namespace Evergrain.Providers.Azure;

/// <summary>
/// The newest format of the journal's records. It stands in the journal's blob and rises once every process of a
/// cluster has said that it agrees; it never falls. A process that runs alone agrees with nobody.
/// </summary>
/// <remarks>
/// A process says so by a lease of a blob for the newest format that it agrees on, which it shares with all others
/// that say the same (<see cref="AzureJournalLock"/>). A process takes its lease first and writes the journal's blob
/// anew then. A format is raised by a process that has read that blob, then got the leases of all older formats for
/// itself, and writes on the condition that the blob is as it was read. So either the lease is seen, or the write is
/// refused.
/// </remarks>
internal sealed class AzureFormat : IAsyncDisposable
{
    private readonly AzureAccount _account;
    private readonly AzureJournalOptions _options;
    private readonly CancellationTokenSource _closed = new();
    private readonly Task _raising;
    private volatile int _written;

    private AzureFormat(AzureAccount account, AzureJournalOptions options, int written)
    {
        (_account, _options, _written) = (account, options, written);
        _raising = written < options.Format ? RaiseAsync() : Task.CompletedTask;
    }

    /// <summary>What this process writes.</summary>
    public int Current => Math.Min(_written, _options.Format);

    /// <summary>Raises the format if nobody holds it back, and goes on trying if somebody does.</summary>
    /// <param name="account">Where the journal is.</param>
    /// <param name="options">What this process agrees on.</param>
    /// <param name="written">The format by now.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="JournalUnavailableException">The storage failed.</exception>
    public static async Task<AzureFormat> OpenAsync(
        AzureAccount account, AzureJournalOptions options, int written, CancellationToken cancellationToken) =>
        new(account, options,
            written < options.Format ? await RaiseAsync(account, options.Format, cancellationToken) : written);

    /// <summary>The lease by which a process says on which format it agrees.</summary>
    public static BlobLease LeaseOf(AzureAccount account, int format) =>
        new(account, NameOf(format), BlobLease.SharedId($"evergrain format {format}"));

    public async ValueTask DisposeAsync()
    {
        await _closed.CancelAsync();
        await _raising;
        _closed.Dispose();
    }

    private static string NameOf(int format) => "format/" + format.ToString(CultureInfo.InvariantCulture);

    /// <summary>Raises the format if nobody holds it back; gives the format then.</summary>
    private static async Task<int> RaiseAsync(AzureAccount account, int format, CancellationToken cancellationToken)
    {
        var before = await AzureSchema.ReadAsync(account, cancellationToken);
        var taken = new List<BlobLease>();
        try
        {
            for (var older = RecordFormat.First; older < format; older++)
            {
                var lease = new BlobLease(account, NameOf(older), BlobLease.OwnId());
                if (!await lease.TryAcquireAsync(cancellationToken))
                {
                    return before.Format;
                }

                taken.Add(lease);
            }

            return before.Format < format &&
                await AzureSchema.TryWriteAsync(account, format, before.Tag, cancellationToken)
                ? format
                : before.Format;
        }
        finally
        {
            foreach (var lease in taken)
            {
                await lease.ReleaseAsync();
            }
        }
    }

    private async Task RaiseAsync()
    {
        while (_written < _options.Format)
        {
            try
            {
                await Task.Delay(_options.FormatInterval, _options.Time, _closed.Token);
                _written = await RaiseAsync(_account, _options.Format, _closed.Token);
            }
            catch (OperationCanceledException) when (_closed.IsCancellationRequested)
            {
                return;
            }
            catch (JournalUnavailableException)
            {
                // The older format goes on being right; the next time comes.
            }
        }
    }
}
