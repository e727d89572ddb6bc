using Evergrain.Conversations.Ports;
using Microsoft.Extensions.Logging;

namespace Evergrain.Frontend.Telemetry;

/// <summary>
/// Says which refusals an operator may want to know of: one line for each kind and minute, with their count.
/// </summary>
/// <remarks>What a client did wrong in a request is not said. A journal that fails says so itself.</remarks>
internal sealed partial class RefusalLog(TimeProvider time, ILogger<RefusalLog> logger)
{
    private readonly MinuteLines _lines = new(time);

    public void Note(Refusal refusal)
    {
        if (Describe(refusal.Kind) is { } what && _lines.Add((int)refusal.Kind) is { } count)
        {
            LogRefused(what, count);
        }
    }

    private static string? Describe(RefusalKind kind) => kind switch
    {
        RefusalKind.Unauthorized => "a key is missing or unknown (401)",
        RefusalKind.Forbidden => "the caller may not do this from there or with that key (403)",
        RefusalKind.TooManyRequests => "a tenant is over a bound of its own (429)",
        RefusalKind.Overloaded => "all together are over a bound (503)",
        _ => null,
    };

    [LoggerMessage(EventId = 1003, Level = LogLevel.Warning,
        Message = "Refused: {What}; {Count} since the last such line.")]
    private partial void LogRefused(string what, long count);
}
