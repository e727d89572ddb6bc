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
        foreach (var kind in Enum.GetValues<CheckFailureKind>())
        {
            Count(kind, 0);
        }
    }

    public void Report(CheckFailure failure)
    {
        Count(failure.Kind, 1);
        LogFailed(_logger, failure.Message);
    }

    private void Count(CheckFailureKind kind, int failures) =>
        _failed.Add(failures, new KeyValuePair<string, object?>("kind", NameOf(kind)));

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
