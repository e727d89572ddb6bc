using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;

namespace Evergrain.Providers.Checks;

/// <summary>Counts and logs checks on new input that could not be made.</summary>
internal sealed partial class CheckFailures
{
    private readonly ILogger _logger;
    private readonly Counter<long> _failed;

    public CheckFailures(IMeterFactory meters, ILogger<CheckFailures> logger)
    {
        _logger = logger;
        _failed = meters.Create("Evergrain").CreateCounter<long>(
            "evergrain.checks.failed", "{check}", "Checks on new input that could not be made.");
    }

    public void Report(CheckFailure failure)
    {
        _failed.Add(1, new KeyValuePair<string, object?>("kind", NameOf(failure.Kind)));
        LogFailed(_logger, failure.Message);
    }

    private static string NameOf(CheckFailureKind kind) => kind switch
    {
        CheckFailureKind.TimedOut => "timed_out",
        CheckFailureKind.Unreachable => "unreachable",
        CheckFailureKind.WrongStatus => "wrong_status",
        _ => "wrong_answer",
    };

    [LoggerMessage(123, LogLevel.Warning, "New input could not be checked: {Failure}.")]
    private static partial void LogFailed(ILogger logger, string failure);
}
