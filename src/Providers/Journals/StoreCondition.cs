using Evergrain.Conversations.Ports;
using Microsoft.Extensions.Logging;

namespace Evergrain.Providers.Journals;

/// <summary>
/// Whether the journal can store: the failure of the last try, until a try succeeds. It is logged once, and again
/// after a minute at the earliest. Any thread may use it.
/// </summary>
internal sealed partial class StoreCondition(ILogger logger, TimeProvider time)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMinutes(1);
    private readonly Lock _gate = new();
    private volatile JournalUnavailableException? _failure;
    private string? _said;
    private long _saidAt;

    /// <summary>Why nothing can be stored, for everyone; null: nothing is known to hinder it.</summary>
    public string? Obstacle => _failure?.Brief;

    /// <summary>A try to store has failed.</summary>
    public void Failed(JournalUnavailableException failure)
    {
        lock (_gate)
        {
            _failure = failure;
            if (_said == failure.Brief && time.GetElapsedTime(_saidAt) < Pause)
            {
                return;
            }

            (_said, _saidAt) = (failure.Brief, time.GetTimestamp());
        }

        LogFailed(logger, failure.Message);
    }

    /// <summary>A try to store has succeeded.</summary>
    public void Succeeded()
    {
        if (_failure is null)
        {
            return;
        }

        lock (_gate)
        {
            _failure = null;
        }

        LogSucceeded(logger);
    }

    [LoggerMessage(440, LogLevel.Error, "The journal cannot store: {Reason}")]
    private static partial void LogFailed(ILogger logger, string reason);

    [LoggerMessage(441, LogLevel.Information, "The journal stores again.")]
    private static partial void LogSucceeded(ILogger logger);
}
