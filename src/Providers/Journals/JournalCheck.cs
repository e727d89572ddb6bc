using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ports;
using Microsoft.Extensions.Logging;

namespace Evergrain.Providers.Journals;

/// <summary>How a journal is checked.</summary>
/// <param name="Logger">Is told what is damaged.</param>
/// <param name="Instruments">Count it; null: nobody does.</param>
internal sealed record JournalCheckSetup(ILogger Logger, ConversationInstruments? Instruments)
{
    /// <summary>22 GB a day, which is some 0.3 % of a core.</summary>
    public long BytesPerSecond { get; init; } = 256 << 10;

    /// <summary>From the begin of one round to that of the next.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromDays(1);

    /// <summary>How long to wait after the store could not be read.</summary>
    public TimeSpan RetryPause { get; init; } = TimeSpan.FromSeconds(10);

    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Chooses where a round begins.</summary>
    public IIdSource Chance { get; init; } = new RandomIdSource();
}

/// <summary>
/// Checks the whole journal beside its work: once at the start, then once a day. Runs until disposed. It keeps nothing:
/// after a restart it finds again what is damaged.
/// </summary>
internal sealed partial class JournalCheck : IAsyncDisposable
{
    private readonly ICheckedJournal _journal;
    private readonly HiddenConversations _hidden;
    private readonly JournalCheckSetup _setup;
    private readonly CancellationTokenSource _closed = new();
    private readonly TaskCompletionSource _firstRound = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _running;

    public JournalCheck(ICheckedJournal journal, HiddenConversations hidden, JournalCheckSetup setup)
    {
        (_journal, _hidden, _setup) = (journal, hidden, setup);
        _running = Task.Run(RunAsync);
    }

    /// <summary>Ends with the first round.</summary>
    public Task FirstRound => _firstRound.Task;

    public async ValueTask DisposeAsync()
    {
        await _closed.CancelAsync();
        await _running;
        _closed.Dispose();
    }

    private async Task RunAsync()
    {
        while (!_closed.IsCancellationRequested)
        {
            var begun = _setup.Time.GetTimestamp();
            try
            {
                await new CheckRound(_journal, _hidden, _setup).RunAsync(_closed.Token);
                _firstRound.TrySetResult();
            }
            catch (OperationCanceledException) when (_closed.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // The edge of the loop: the next round tries again.
                LogFailed(_setup.Logger, e);
            }

            var left = _setup.Interval - _setup.Time.GetElapsedTime(begun);
            await Task.Delay(left > _setup.RetryPause ? left : _setup.RetryPause, _setup.Time, _closed.Token)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    [LoggerMessage(450, LogLevel.Error, "The check of the journal failed; the next one is in a day.")]
    private static partial void LogFailed(ILogger logger, Exception e);
}
