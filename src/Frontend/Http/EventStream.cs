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
    private static readonly byte[] Done = "data: [DONE]\n\n"u8.ToArray();
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly SearchValues<byte> LineEnds = SearchValues.Create("\r\n"u8);

    private readonly TimingWishes _timing = TimingWishes.Of(context.Request);
    private readonly byte[] _keepalive = EventCounting.IsWanted(context.Request.Headers) ? Keepalive : Comment;
    private TurnMeter? _meter;
    private int _next = from;
    private bool _hasBegun;

    public int From { get; } = from;

    public bool WantsKeepalive => true;

    public bool Started(ResponseId response, TurnMeter meter)
    {
        _meter = meter;
        return false;
    }

    public async ValueTask SendAsync(EventBatch batch, CancellationToken cancellationToken)
    {
        Begin();
        using var buffer = new RentedBuffer(Array.MaxLength);
        for (var i = 0; i < batch.Events.Count; i++)
        {
            Append(buffer, batch.Events[i].Span);
            if (buffer.Length >= WriteBytes || i == batch.Events.Count - 1)
            {
                await WriteAsync(buffer.Written);
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
            await WriteAsync(buffer.Written);
        }
    }

    public ValueTask KeepAliveAsync(CancellationToken cancellationToken)
    {
        Begin();
        services.Instruments.KeepaliveSent();
        return WriteAsync(_keepalive);
    }

    /// <summary>
    /// Runs what delivers to this stream and ends the stream, with an error event where it cannot go on.
    /// </summary>
    /// <exception cref="ConversationException">It failed before the first event.</exception>
    public async Task RunAsync(Func<Task> deliver)
    {
        try
        {
            await deliver();
            Begin();
            await WriteAsync(Done);
        }
        catch (Exception e) when (e is not ClientGoneException && !context.RequestAborted.IsCancellationRequested)
        {
            var refusal = e switch
            {
                ConversationException expected => expected.Refusal,
                OperationCanceledException => ServerDrain.Restarting,
                _ => services.Faults.Mask(e),
            };
            if (!_hasBegun)
            {
                throw new ConversationException(refusal, e);
            }

            await FailAsync(refusal);
        }
    }

    /// <summary>Ends a stream that has begun.</summary>
    /// <remarks>Source: OpenAI's OpenAPI file, ResponseErrorEvent: flat, unlike the error frame of a socket.</remarks>
    private async ValueTask FailAsync(Refusal refusal)
    {
        services.Instruments.ErrorSent(refusal);
        var json = new ArrayBufferWriter<byte>();
        WriteError(json, refusal);
        using var buffer = new RentedBuffer(Array.MaxLength);
        Append(buffer, json.WrittenSpan);
        buffer.Append(Done);
        await WriteAsync(buffer.Written);
    }

    private void Begin()
    {
        if (_hasBegun)
        {
            return;
        }

        _hasBegun = true;
        context.Response.ContentType = "text/event-stream; charset=utf-8";
        context.Response.Headers.CacheControl = "no-cache";

        if (_timing.IsTurn && _meter is not null)
        {
            context.Response.Headers[TimingEvents.ServerTiming] = TimingEvents.WriteHeader(_meter.Read());
        }

        // nginx would collect events until its buffer is full.
        context.Response.Headers["X-Accel-Buffering"] = "no";
    }

    private static void Append(RentedBuffer buffer, ReadOnlySpan<byte> json)
    {
        buffer.Append("event: "u8);
        AppendType(buffer, json);
        buffer.Append("\ndata: "u8);
        var line = buffer.Claim(json.Length);
        json.CopyTo(line);

        // A parameter is echoed as it came, and may have come with line ends between its tokens.
        for (int at; (at = line.IndexOfAny(LineEnds)) >= 0; line = line[at..])
        {
            line[at] = (byte)' ';
        }

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

    private void WriteError(IBufferWriter<byte> output, Refusal refusal)
    {
        using var json = new Utf8JsonWriter(output, Options);
        json.WriteStartObject();
        json.WriteString("type"u8, "error"u8);
        json.WriteNumber("sequence_number"u8, _next);
        json.WriteString("code"u8, ErrorWriter.CodeOf(refusal));
        json.WriteString("message"u8, refusal.Message);
        json.WriteString("param"u8, refusal.Param);
        json.WriteEndObject();
    }

    // No token: what was begun is sent whole or not at all, and a client that leaves ends the write.
    private ValueTask WriteAsync(ReadOnlyMemory<byte> bytes)
    {
        var writing = context.Response.Body.WriteAsync(bytes, CancellationToken.None);

        // Nearly always the bytes fit into the buffers below and there is nothing to wait for.
        return writing.IsCompletedSuccessfully ? writing : WaitAsync(writing.AsTask());
    }

    private async ValueTask WaitAsync(Task writing)
    {
        try
        {
            await writing.WaitAsync(services.Options.SendTimeout, services.Time);
        }
        catch (TimeoutException e)
        {
            // The buffer is rented: it goes back only when nobody reads it any more.
            context.Abort();
            await writing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw new ClientGoneException("The client does not read.", e);
        }
    }
}
