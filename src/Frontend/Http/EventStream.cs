using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Timing;
using Evergrain.Conversations.Wire;
using Evergrain.Frontend.Turns;
using Microsoft.AspNetCore.Http;

namespace Evergrain.Frontend.Http;

/// <summary>
/// Delivers events as server-sent events. Status and headers leave with the first of them: until then the request can
/// still be answered with an error.
/// </summary>
/// <remarks>
/// An event, its data and its blank line leave in one write, which is one chunk of the body: some clients lose an event
/// whose end comes in a later read. Source: the WHATWG's HTML standard, server-sent events; OpenAI's streaming guide.
/// </remarks>
internal sealed class EventStream(HttpContext context, TurnServices services, int from = 0) : ITurnDelivery
{
    // Few writes for a replay, and each small enough to arrive in one read.
    private const int WriteBytes = 16 << 10;

    private static readonly byte[] Comment = ": keepalive\n\n"u8.ToArray();

    // It has no number: the numbers are those of events that can be read again.
    private static readonly byte[] Keepalive = "event: keepalive\ndata: {\"type\":\"keepalive\"}\n\n"u8.ToArray();
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly TimingWishes _timing = TimingWishes.Of(context.Request);
    private readonly byte[] _keepalive = EventCounting.IsWanted(context.Request.Headers) ? Keepalive : Comment;
    private readonly EventOutput _output = new(context, services);
    private int _next = from;

    public int From { get; } = from;

    public bool WantsKeepalive => true;

    public bool Started(ResponseId response, TurnMeter meter)
    {
        _output.Meter = meter;
        return false;
    }

    public async ValueTask SendAsync(EventBatch batch, CancellationToken cancellationToken)
    {
        _output.Begin();
        using var buffer = new RentedBuffer(Array.MaxLength);
        for (var i = 0; i < batch.Events.Count; i++)
        {
            Append(buffer, batch.Events[i].Span);
            if (buffer.Length >= WriteBytes || i == batch.Events.Count - 1)
            {
                await _output.WriteAsync(buffer.Written);
                buffer.Clear();
            }
        }

        _next = batch.From + batch.Events.Count;
    }

    public async ValueTask EndedAsync(ResponseId response, TurnTiming timing, CancellationToken cancellationToken)
    {
        if (_timing.IsTurn)
        {
            using var buffer = new RentedBuffer(Array.MaxLength);
            Append(buffer, TimingEvents.WriteTurn(response, timing).Span);
            await _output.WriteAsync(buffer.Written);
        }
    }

    public ValueTask KeepAliveAsync(CancellationToken cancellationToken) => _output.KeepAliveAsync(_keepalive);

    /// <summary>
    /// Runs what delivers to this stream and ends the stream, with an error event where it cannot go on.
    /// </summary>
    /// <exception cref="ConversationException">It failed before the first event.</exception>
    public Task RunAsync(Func<Task> deliver) => _output.RunAsync(async () =>
    {
        await deliver();
        await _output.EndAsync();
    }, AppendError);

    private static void Append(RentedBuffer buffer, ReadOnlySpan<byte> json)
    {
        buffer.Append("event: "u8);
        AppendType(buffer, json);
        buffer.Append("\ndata: "u8);
        var line = buffer.Claim(json.Length);
        json.CopyTo(line);
        EventOutput.KeepOnOneLine(line);
        buffer.Append("\n\n"u8);
    }

    private static void AppendType(RentedBuffer buffer, ReadOnlySpan<byte> json)
    {
        // The type comes first in what we write; this finds it wherever it is.
        var reader = new Utf8JsonReader(json);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isType = reader.ValueTextEquals("type"u8);
            reader.Read();
            if (isType)
            {
                buffer.Append(reader.ValueSpan);
                return;
            }

            reader.Skip();
        }
    }

    /// <summary>Writes the event of an error.</summary>
    /// <remarks>Source: OpenAI's OpenAPI file, ResponseErrorEvent: flat, unlike the error frame of a socket.</remarks>
    private void AppendError(RentedBuffer buffer, Refusal refusal)
    {
        var output = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(output, Options))
        {
            json.WriteStartObject();
            json.WriteString("type"u8, "error"u8);
            json.WriteNumber("sequence_number"u8, _next);
            json.WriteString("code"u8, ErrorWriter.CodeOf(refusal));
            json.WriteString("message"u8, refusal.Message);
            json.WriteString("param"u8, refusal.Param);
            json.WriteEndObject();
        }

        Append(buffer, output.WrittenSpan);
    }
}
