using System.Buffers;
using System.Text.Json;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Wire;
using Evergrain.Frontend.Turns;
using Microsoft.AspNetCore.Http;

namespace Evergrain.Frontend.Http;

/// <summary>
/// One live stream. It asks the conversation twice a second what runs, so that looking changes nothing there: a reader
/// of events would keep a turn alive.
/// </summary>
internal sealed class ConversationStream(HttpContext context, ConversationKey key, TurnServices services)
{
    // Ends that are told are remembered, so that a clock that went back tells none twice.
    private const int ToldMax = 1_024;

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);
    private static readonly byte[] Keepalive = ": keepalive\n\n"u8.ToArray();
    private static readonly byte[] Done = "data: [DONE]\n\n"u8.ToArray();

    private readonly HashSet<string> _told = new(StringComparer.Ordinal);
    private long _sentAt;

    /// <summary>Tells what runs until the client leaves or <paramref name="ending"/> says so.</summary>
    /// <exception cref="ConversationException">The conversation is not found, or not to be asked now.</exception>
    public async Task RunAsync(CancellationToken ending)
    {
        // Turns that ended before are no news.
        var page = await services.Conversations.ListLiveAsync(key, long.MaxValue, context.RequestAborted);
        context.Response.ContentType = "text/event-stream; charset=utf-8";
        context.Response.Headers.CacheControl = "no-cache";
        context.Response.Headers["X-Accel-Buffering"] = "no";
        await WriteAsync(Keepalive);
        try
        {
            while (true)
            {
                var (events, now) = Read(page);
                await TellAsync(events);
                await Task.Delay(Interval, services.Time, ending);
                page = await services.Conversations.ListLiveAsync(key, now, ending);
            }
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            await EndAsync(refusal: null);
        }
        catch (Exception e) when (e is not ClientGoneException && !context.RequestAborted.IsCancellationRequested)
        {
            await EndAsync(
                e is ConversationException expected ? expected.Refusal : services.Instruments.Faults.Mask(e));
        }
    }

    private ValueTask TellAsync(ReadOnlyMemory<byte> events) => !events.IsEmpty ? WriteAsync(events)
        : services.Time.GetElapsedTime(_sentAt) >= services.Options.KeepaliveInterval ? WriteAsync(Keepalive)
        : ValueTask.CompletedTask;

    private async ValueTask EndAsync(Refusal? refusal)
    {
        if (context.RequestAborted.IsCancellationRequested)
        {
            return;
        }

        var output = new ArrayBufferWriter<byte>();
        if (refusal is not null)
        {
            services.Instruments.ErrorSent(refusal);
            Append(output, "error", json =>
            {
                json.WriteString("code"u8, ErrorWriter.CodeOf(refusal));
                json.WriteString("message"u8, refusal.Message);
            });
        }

        output.Write(Done);
        await WriteAsync(output.WrittenMemory);
    }

    /// <summary>The events for what a conversation answered, and its clock.</summary>
    private (ReadOnlyMemory<byte> Events, long Now) Read(ReadOnlyMemory<byte> page)
    {
        using var document = JsonDocument.Parse(page);
        var output = new ArrayBufferWriter<byte>();
        foreach (var turn in document.RootElement.GetProperty("data"u8).EnumerateArray())
        {
            var isOver = turn.GetProperty("ended_at_ms"u8).ValueKind != JsonValueKind.Null;
            if (!isOver || Remember(turn.GetProperty("id"u8).GetString()!))
            {
                Append(output, turn, isOver);
            }
        }

        return (output.WrittenMemory, document.RootElement.GetProperty("now_ms"u8).GetInt64());
    }

    private bool Remember(string id)
    {
        if (_told.Count == ToldMax)
        {
            _told.Clear();
        }

        return _told.Add(id);
    }

    private static void Append(ArrayBufferWriter<byte> output, JsonElement turn, bool isOver) =>
        Append(output, isOver ? "evergrain:turn" : "evergrain:turn.running", json =>
        {
            json.WriteString("response_id"u8, turn.GetProperty("id"u8).GetString());
            json.WriteString("outcome"u8, isOver ? turn.GetProperty("status"u8).GetString() : null);
            json.WritePropertyName("turn"u8);
            turn.WriteTo(json);
        });

    private static void Append(ArrayBufferWriter<byte> output, string type, Action<Utf8JsonWriter> write)
    {
        output.Write("event: "u8);
        output.Write(System.Text.Encoding.UTF8.GetBytes(type));
        output.Write("\ndata: "u8);
        using (var json = new Utf8JsonWriter(output))
        {
            json.WriteStartObject();
            json.WriteString("type"u8, type);
            write(json);
            json.WriteEndObject();
        }

        output.Write("\n\n"u8);
    }

    private async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes)
    {
        _sentAt = services.Time.GetTimestamp();
        try
        {
            await context.Response.Body.WriteAsync(bytes, CancellationToken.None).AsTask()
                .WaitAsync(services.Options.SendTimeout, services.Time);
        }
        catch (TimeoutException e)
        {
            context.Abort();
            throw new ClientGoneException("The client does not read.", e);
        }
    }
}
