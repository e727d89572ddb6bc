using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Journals;

/// <summary>
/// While nothing can be stored, tries to write once a second: a server that is not ready gets no turn that would find
/// out. Runs until disposed.
/// </summary>
internal sealed class StoreProbe : IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly StoreCondition _condition;
    private readonly Func<CancellationToken, Task> _write;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _closed = new();
    private readonly Task _trying;

    /// <summary>Begins to look.</summary>
    /// <param name="condition">What is known of the store.</param>
    /// <param name="write">Writes something. It throws a <see cref="JournalUnavailableException"/> where it
    /// cannot.</param>
    /// <param name="time">The clock.</param>
    public StoreProbe(StoreCondition condition, Func<CancellationToken, Task> write, TimeProvider time)
    {
        (_condition, _write, _time) = (condition, write, time);
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
            await _write(_closed.Token);
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
