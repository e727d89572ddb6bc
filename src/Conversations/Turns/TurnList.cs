using System.Text.Json;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Conversations.Timing;
using Evergrain.Conversations.Wire;

namespace Evergrain.Conversations.Turns;

/// <summary>
/// Lists the turns of a conversation: their tree, times, sizes and digests, and nothing that a client or a model said.
/// </summary>
internal sealed class TurnList(TurnTree turns)
{
    // Of a live list: turns in it, and stored turns that are looked at, from the newest.
    private const int LiveMax = 100;
    private const int LookedAtMax = 256;

    /// <summary>
    /// Stored turns behind a number, in order; behind the last one the unstored turns in memory. These have no number
    /// to go on from: they stand on one page, the newest that fit.
    /// </summary>
    public ReadOnlyMemory<byte> Write(int after, int limit)
    {
        var stored = turns.Stored.Skip(after).Where(IsShown).Take(limit + 1).ToList();
        var unstored = turns.Unstored.Where(IsShown).OrderBy(static turn => turn.CreatedAt).ToList();
        return stored.Count > 0 && stored.Count + unstored.Count > limit
            ? Write(stored.Take(limit), hasMore: true, leftOut: 0, now: null)
            : Write(stored.Concat(unstored.TakeLast(limit)), hasMore: false,
                leftOut: Math.Max(0, unstored.Count - limit), now: null);
    }

    /// <summary>The turns that run, and of the newest ones those that ended at a time or later.</summary>
    public ReadOnlyMemory<byte> WriteLive(IReadOnlyList<Turn> running, long since, long now)
    {
        var recent = turns.Stored.Skip(turns.Stored.Count - LookedAtMax).Concat(turns.Unstored)
            .Where(turn => turn.Ending is not { } ending || ending.EndedAt >= since);
        var chosen = running.Union(recent).Where(IsShown).OrderBy(static turn => turn.CreatedAt)
            .Take(LiveMax + 1).ToList();

        // An end is seen when it is durable, which may be after this look, and says the time of before.
        var seen = running.Min(static turn => turn.Live?.EndingAt) is { } ending ? Math.Min(ending, now) : now;
        return Write(chosen.Take(LiveMax), chosen.Count > LiveMax, leftOut: 0, seen);
    }

    private static bool IsShown(Turn turn) => !turn.IsHidden && turn.Status != TurnStatus.Proposed;

    private ReadOnlyMemory<byte> Write(IEnumerable<Turn> chosen, bool hasMore, int leftOut, long? now)
    {
        var buffer = new WireBuffer();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("object"u8, "list"u8);
            json.WriteStartArray("data"u8);
            foreach (var turn in chosen)
            {
                Write(json, turn);
            }

            json.WriteEndArray();
            json.WriteBoolean("has_more"u8, hasMore);
            if (leftOut > 0)
            {
                json.WriteNumber("unstored_left_out"u8, leftOut);
            }

            if (now is { } time)
            {
                json.WriteNumber("now_ms"u8, time);
            }

            json.WriteEndObject();
        }

        return buffer.Take();
    }

    private void Write(Utf8JsonWriter json, Turn turn)
    {
        var output = turn.Status == TurnStatus.Ended ? turn.Output.Count : turn.Live?.Items.Count ?? 0;
        json.WriteStartObject();
        json.WriteString("id"u8, turns.IdOf(turn).ToString());
        json.WriteString("object"u8, "evergrain.turn"u8);
        json.WriteString("previous_response_id"u8, turn.Parent is { } parent ? turns.IdOf(parent).ToString() : null);
        json.WriteNumber("number"u8, turn.Id.Number);
        json.WriteString("status"u8, StatusOf(turn.Ending));
        json.WriteString("code"u8, turn.Ending?.Code);
        json.WriteNumber("created_at_ms"u8, turn.CreatedAt);
        WriteNumber(json, "ended_at_ms", turn.Ending?.EndedAt);
        json.WriteStartObject("items"u8);
        json.WriteNumber("input"u8, turn.Input.Length - turn.Continues.Branch.Length);
        json.WriteNumber("output"u8, output);
        json.WriteNumber("held"u8, turn.Input.Length + output);
        json.WriteEndObject();
        json.WriteString("digest"u8, turn.Ending is null ? null : turn.Digest.ToString());
        WriteTiming(json, turn.Timing ?? turn.Clock?.Report());
        WriteConnection(json, turn);
        json.WriteEndObject();
    }

    /// <summary>By what connection a turn came, and who read on; null: this life of the conversation saw neither.
    /// </summary>
    private static void WriteConnection(Utf8JsonWriter json, Turn turn)
    {
        var connection = turn.Arrival.Connection;
        if (connection == TurnConnection.Unknown && turn.ReadOnFrom is null)
        {
            json.WriteNull("connection"u8);
            return;
        }

        json.WriteStartObject("connection"u8);
        json.WriteString("kind"u8, connection switch
        {
            TurnConnection.Unknown => null,
            TurnConnection.Http => "http",
            _ => "websocket",
        });
        json.WriteBoolean("is_other"u8, turn.Arrival.IsOther);
        WriteNumber(json, "read_on_from", turn.ReadOnFrom);
        json.WriteEndObject();
    }

    /// <summary>What the conversation's own process measured; null: another life of the conversation did.</summary>
    private static void WriteTiming(Utf8JsonWriter json, TurnTiming? timing)
    {
        if (timing is null)
        {
            json.WriteNull("timing"u8);
            return;
        }

        json.WriteStartObject("timing"u8);
        json.WriteStartObject("phases_ms"u8);
        foreach (var phase in TurnPhases.All)
        {
            json.WriteNumber(TurnPhases.NameOf(phase), Milliseconds(timing.Of(phase)));
        }

        json.WriteEndObject();
        json.WriteString("context_source"u8, timing.Source switch
        {
            ContextSource.Warm => "warm"u8,
            ContextSource.Reloaded => "reloaded"u8,
            ContextSource.Rebuilt => "rebuilt"u8,
            ContextSource.Recognised => "recognised"u8,
            _ => "moved"u8,
        });
        json.WriteStartArray("tools"u8);
        foreach (var tool in timing.Tools)
        {
            json.WriteStartObject();
            json.WriteString("name"u8, tool.Name);
            json.WriteString("call_id"u8, tool.CallId);
            json.WriteNumber("waited_ms"u8, Milliseconds(tool.Waited));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static double Milliseconds(TimeSpan time) => Math.Round(time.TotalMilliseconds, 4);

    private static ReadOnlySpan<byte> StatusOf(TurnEnding? ending) => ending?.Outcome switch
    {
        null => "in_progress"u8,
        TurnOutcome.Completed => "completed"u8,
        TurnOutcome.Incomplete => "incomplete"u8,
        TurnOutcome.Cancelled => "cancelled"u8,
        TurnOutcome.Interrupted => "interrupted"u8,
        _ => "failed"u8,
    };

    private static void WriteNumber(Utf8JsonWriter json, string name, long? value)
    {
        if (value is { } number)
        {
            json.WriteNumber(name, number);
        }
        else
        {
            json.WriteNull(name);
        }
    }
}
