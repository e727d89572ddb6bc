using System.Diagnostics;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Telemetry;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace Evergrain.Silo.Composition;

/// <summary>
/// Writes each log entry as one line. Every request meets a journal that cannot be used now, and strangers can open
/// connections without end: of that there is one line for each kind and minute, with a count, and without a stack.
/// </summary>
internal sealed class LogLines(TimeProvider time) : ConsoleFormatter(FormatterName)
{
    public const string FormatterName = "evergrain";

    // What Kestrel says of each connection above HttpConnectionsMax.
    private const string Connections = "Microsoft.AspNetCore.Server.Kestrel.Connections";
    private const int ConnectionRejected = 24;

    private readonly MinuteLines _lines = new(time);

    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider,
        TextWriter textWriter)
    {
        var text = logEntry.Formatter(logEntry.State, logEntry.Exception);
        var unavailable = logEntry.Exception as JournalUnavailableException;
        if (unavailable is not null || (logEntry.EventId.Id == ConnectionRejected && logEntry.Category == Connections))
        {
            if (_lines.Add(logEntry.EventId.Id) is not { } count)
            {
                return;
            }

            text += (unavailable is null ? "" : $" {unavailable.Message}") +
                (count > 1 ? $" ({count} since the last such line.)" : "");
        }
        else if (logEntry.Exception is { } fault)
        {
            text += $" {fault}";
        }

        if (Activity.Current is { Recorded: true } span)
        {
            text += $" trace={span.TraceId}";
        }

        textWriter.WriteLine($"{NameOf(logEntry.LogLevel)}: {logEntry.Category}[{logEntry.EventId.Id}] " +
            text.ReplaceLineEndings(" "));
    }

    private static string NameOf(LogLevel level) => level switch
    {
        LogLevel.Trace => "trce",
        LogLevel.Debug => "dbug",
        LogLevel.Information => "info",
        LogLevel.Warning => "warn",
        LogLevel.Error => "fail",
        _ => "crit",
    };
}
