using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;

namespace Evergrain.Providers.Chat;

/// <summary>Says what chat-completions servers were not given: counters, and one line for each set of types.</summary>
internal sealed partial class ChatInstruments
{
    // Sets of types that a line was written for; clients choose the types, within those the wire names.
    private const int SetsMax = 64;

    private readonly ConcurrentDictionary<string, bool> _said = new(StringComparer.Ordinal);
    private readonly Counter<long> _tools;
    private readonly Counter<long> _items;
    private readonly ILogger<ChatInstruments> _logger;

    /// <summary>Creates the instruments in a factory's meter, so that each server of a process has its own.</summary>
    public ChatInstruments(IMeterFactory meters, ILogger<ChatInstruments> logger)
    {
        var meter = meters.Create("Evergrain");
        _logger = logger;
        _tools = meter.CreateCounter<long>("evergrain.tools.omitted", "{tool}",
            "Tools that a call's server could not be offered, by type; once for each call.");
        _items = meter.CreateCounter<long>("evergrain.items.omitted", "{item}",
            "Items and parts that a call's server could not be given, by type; once for each call.");
    }

    /// <summary>A call goes out without these.</summary>
    public void Omitted(Omissions tools, Omissions items)
    {
        Count(_tools, tools);
        Count(_items, items);
        if (!tools.IsEmpty && IsNew($"tools {tools}"))
        {
            LogToolsOmitted(_logger, tools);
        }

        if (!items.IsEmpty && IsNew($"items {items}"))
        {
            LogItemsOmitted(_logger, items);
        }
    }

    private static void Count(Counter<long> counter, Omissions omissions)
    {
        foreach (var (type, count) in omissions.ByType)
        {
            counter.Add(count, new KeyValuePair<string, object?>("type", type));
        }
    }

    private bool IsNew(string set) => _said.Count < SetsMax && _said.TryAdd(set, true);

    [LoggerMessage(EventId = 1401, Level = LogLevel.Warning,
        Message = "Chat-completions servers cannot be offered these tools, calls go without: {Types}")]
    private static partial void LogToolsOmitted(ILogger logger, Omissions types);

    [LoggerMessage(EventId = 1402, Level = LogLevel.Warning,
        Message = "Chat-completions servers have no form for these items, calls go without: {Types}")]
    private static partial void LogItemsOmitted(ILogger logger, Omissions types);
}
