using Azure.Storage.Blobs.Specialized;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Journals;

namespace Evergrain.Providers.Azure;

/// <summary>
/// While nothing can be stored, tries to write once a second: a server that is not ready gets no turn that would find
/// out. Runs until disposed.
/// </summary>
internal sealed class AzureProbe : IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly AzureAccount _account;
    private readonly StoreCondition _condition;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _closed = new();
    private readonly Task _trying;

    public AzureProbe(AzureAccount account, StoreCondition condition, TimeProvider time)
    {
        (_account, _condition, _time) = (account, condition, time);
        _trying = RunAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _closed.CancelAsync();
        await _trying;
        _closed.Dispose();
    }

    private async Task RunAsync()
    {
        while (!_closed.IsCancellationRequested)
        {
            await Task.Delay(Interval, _time, _closed.Token)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (_condition.Obstacle is not null && !_closed.IsCancellationRequested)
            {
                await TryAsync();
            }
        }
    }

    private async Task TryAsync()
    {
        try
        {
            await _account.RunAsync(
                token => _account.Container.GetAppendBlobClient(AzureSchema.ProbeName)
                    .CreateAsync(cancellationToken: token),
                _closed.Token);
            _condition.Succeeded();
        }
        catch (JournalUnavailableException e)
        {
            _condition.Failed(e);
        }
        catch (OperationCanceledException) when (_closed.IsCancellationRequested)
        {
            // The journal is closed.
        }
    }
}
