using System.Globalization;
using System.Text.Json;
using Evergrain.Conversations.Ids;

namespace Evergrain.Silo.Commands;

/// <summary>The turns of a conversation as the server lists them: a tree, times and sizes.</summary>
internal static class TurnRows
{
    /// <summary>All turns behind a number; the unstored ones that are in memory come last.</summary>
    public static async Task<IReadOnlyList<JsonElement>> ReadAsync(
        IConversationSource source, ConversationId conversation, int after, CancellationToken cancellationToken)
    {
        var turns = new List<JsonElement>();
        while (true)
        {
            var page = await source.ListTurnsAsync(conversation, after, cancellationToken);
            var found = page.List("data");
            turns.AddRange(found);

            // An unstored turn has no number, and nothing stored follows it.
            if (!page.IsTrue("has_more") || found.Count == 0 || NumberOf(found[^1]) <= after)
            {
                return turns;
            }

            after = NumberOf(found[^1]);
        }
    }

    /// <summary>The number of a stored turn; 0 for an unstored one.</summary>
    public static int NumberOf(JsonElement turn) => (int)(turn.Number("number") ?? 0);

    /// <summary>Whether a turn has ended.</summary>
    public static bool HasEnded(JsonElement turn) => turn.Number("ended_at_ms") is not null;

    /// <summary>
    /// How long a turn took: the sum of its phases, or, where these are not known, the time from its record's begin to
    /// its end. Null: it runs.
    /// </summary>
    public static string? TookOf(JsonElement turn)
    {
        var phases = PhasesOf(turn);
        var time = phases.Count > 0
            ? phases.Sum(static phase => phase.Time)
            : turn.Number("ended_at_ms") - turn.Number("created_at_ms");
        return HasEnded(turn) ? string.Create(CultureInfo.InvariantCulture, $"{time:0.#} ms") : null;
    }

    /// <summary>The phase that took most of a turn; null: its time was not measured, or not here.</summary>
    public static string? LongestPhaseOf(JsonElement turn)
    {
        var phases = PhasesOf(turn);
        if (phases.Count == 0)
        {
            return null;
        }

        var (name, time) = phases.MaxBy(static phase => phase.Time);
        return string.Create(CultureInfo.InvariantCulture, $"{name} {time:0.#} ms");
    }

    /// <summary>How long the tools took that were called before a turn.</summary>
    public static string? ToolsOf(JsonElement turn)
    {
        var tools = turn.List("timing", "tools").Select(static tool => string.Create(CultureInfo.InvariantCulture,
            $"{tool.Text("name")} {tool.Number("waited_ms") ?? 0:0.#} ms")).ToList();
        return tools.Count > 0 ? string.Join(", ", tools) : null;
    }

    private static List<(string Name, double Time)> PhasesOf(JsonElement turn) =>
        turn.At("timing", "phases_ms") is { ValueKind: JsonValueKind.Object } phases
            ? [.. phases.EnumerateObject().Where(static phase => phase.Value.ValueKind == JsonValueKind.Number)
                .Select(static phase => (phase.Name, phase.Value.GetDouble()))]
            : [];
}
