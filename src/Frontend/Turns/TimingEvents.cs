using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Timing;
using Evergrain.Frontend.Telemetry;

namespace Evergrain.Frontend.Turns;

/// <summary>
/// Writes where a turn's time went for clients that asked: an event, a header, and the event that Codex reads. All
/// times are in milliseconds. None of it can be read again, so the events have no <c>sequence_number</c>.
/// </summary>
internal static class TimingEvents
{
    /// <summary>The name of the header. Source: W3C Server Timing.</summary>
    public const string ServerTiming = "Server-Timing";

    // OpenAI's own word for what its server takes beside the model and the client's tools.
    private const string WithoutModel = "responses_duration_excl_engine_and_client_tool_time_ms";

    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The event <c>evergrain:turn</c>; docs/timing.md describes it.</summary>
    public static ReadOnlyMemory<byte> WriteTurn(ResponseId response, TurnTiming timing)
    {
        var output = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(output, Options);
        json.WriteStartObject();
        json.WriteString("type"u8, "evergrain:turn"u8);
        json.WriteString("response_id"u8, response.ToString());
        json.WriteString("outcome"u8, timing.Outcome);
        if (Activity.Current is { Recorded: true } span)
        {
            json.WriteString("trace_id"u8, span.TraceId.ToString());
        }

        Write(json, "total_ms", timing.Total);
        Write(json, WithoutModel, timing.WithoutModel);
        WritePhases(json, timing);
        json.WriteStartObject("items"u8);
        json.WriteNumber("held"u8, timing.ItemsHeld);
        json.WriteNumber("new"u8, timing.ItemsNew);
        json.WriteNumber("rendered"u8, timing.ItemsRendered);
        json.WriteEndObject();
        json.WriteString("context_source"u8, TurnReports.NameOf(timing.Source));
        json.WriteStartObject("bytes"u8);
        json.WriteNumber("in"u8, timing.BytesIn);
        json.WriteNumber("out"u8, timing.BytesOut);
        json.WriteEndObject();
        WriteTools(json, timing);
        json.WriteEndObject();
        json.Flush();
        return output.WrittenMemory;
    }

    /// <summary>The event <c>responsesapi.websocket_timing</c>, which goes before the terminal one.</summary>
    /// <remarks>
    /// Source: Codex, which reads these members of <c>timing_metrics</c>. The names that say <c>iapi</c> are those of a
    /// layer inside of OpenAI's; here they say the same as those of the service.
    /// </remarks>
    public static ReadOnlyMemory<byte> WriteForCodex(TurnTiming timing)
    {
        var output = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(output, Options);
        var streamed = timing.ModelStream + timing.HiddenModelStream;
        var between = timing.OutputTokens > 1 ? streamed / (timing.OutputTokens - 1) : TimeSpan.Zero;
        json.WriteStartObject();
        json.WriteString("type"u8, "responsesapi.websocket_timing"u8);
        json.WriteStartObject("timing_metrics"u8);
        Write(json, WithoutModel, timing.WithoutModel);
        Write(json, "engine_service_total_ms", timing.ModelWait + streamed);
        Write(json, "engine_iapi_ttft_total_ms", timing.ModelWait);
        Write(json, "engine_service_ttft_total_ms", timing.ModelWait);
        Write(json, "engine_iapi_tbt_across_engine_calls_ms", between);
        Write(json, "engine_service_tbt_across_engine_calls_ms", between);
        json.WriteEndObject();
        json.WriteEndObject();
        json.Flush();
        return output.WrittenMemory;
    }

    /// <summary>The value of <see cref="ServerTiming"/>: the phases so far, then all of them.</summary>
    public static string WriteHeader(TurnTiming timing)
    {
        var text = new StringBuilder();
        foreach (var phase in TurnPhases.All)
        {
            Append(text, TurnPhases.NameOf(phase), timing.Of(phase));
        }

        return Append(text, "total", timing.Total).ToString();
    }

    private static StringBuilder Append(StringBuilder text, string name, TimeSpan time) => text
        .Append(text.Length > 0 ? ", " : string.Empty)
        .Append(CultureInfo.InvariantCulture, $"{name};dur={time.TotalMilliseconds:0.###}");

    private static void WritePhases(Utf8JsonWriter json, TurnTiming timing)
    {
        json.WriteStartObject("phases_ms"u8);
        foreach (var phase in TurnPhases.All)
        {
            Write(json, TurnPhases.NameOf(phase), timing.Of(phase));
        }

        json.WriteEndObject();
        json.WriteStartObject("hidden_ms"u8);
        Write(json, TurnPhases.NameOf(TurnPhase.ModelStream), timing.HiddenModelStream);
        Write(json, TurnPhases.NameOf(TurnPhase.Persist), timing.HiddenPersist);
        Write(json, TurnPhases.NameOf(TurnPhase.Deliver), timing.HiddenDeliver);
        json.WriteEndObject();
    }

    private static void WriteTools(Utf8JsonWriter json, TurnTiming timing)
    {
        json.WriteStartArray("tools"u8);
        foreach (var tool in timing.Tools)
        {
            json.WriteStartObject();
            json.WriteString("name"u8, tool.Name);
            json.WriteString("call_id"u8, tool.CallId);
            Write(json, "waited_ms", tool.Waited);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void Write(Utf8JsonWriter json, string name, TimeSpan time) =>
        json.WriteNumber(name, Math.Round(time.TotalMilliseconds, 4));
}
