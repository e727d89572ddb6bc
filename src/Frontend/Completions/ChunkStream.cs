using System.Buffers;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Timing;
using Evergrain.Conversations.Wire;
using Evergrain.Frontend.Http;
using Evergrain.Frontend.Turns;
using Microsoft.AspNetCore.Http;

namespace Evergrain.Frontend.Completions;

/// <summary>Delivers a turn as the chunks of a chat completion.</summary>
internal sealed class ChunkStream(HttpContext context, TurnServices services, bool wantsUsage) : ITurnDelivery
{
    private static readonly byte[] Comment = ": keepalive\n\n"u8.ToArray();

    private readonly EventOutput _output = new(context, services);
    private readonly ChunkWriter _chunks = new(wantsUsage);

    public int From => 0;

    public bool WantsKeepalive => true;

    public bool Started(ResponseId response, TurnMeter meter)
    {
        _output.Meter = meter;
        return false;
    }

    public async ValueTask SendAsync(EventBatch batch, CancellationToken cancellationToken)
    {
        using var buffer = new RentedBuffer(Array.MaxLength);
        for (var i = 0; i < batch.Events.Count; i++)
        {
            _chunks.Write(buffer, batch.Events[i]);
        }

        if (buffer.Length > 0)
        {
            _output.Begin();
            await _output.WriteAsync(buffer.Written);
        }
    }

    public ValueTask EndedAsync(ResponseId response, TurnTiming timing, CancellationToken cancellationToken) =>
        ValueTask.CompletedTask;

    public ValueTask KeepAliveAsync(CancellationToken cancellationToken) => _output.KeepAliveAsync(Comment);

    /// <summary>
    /// Runs what delivers to this stream and ends the stream. A turn that failed is answered with an error status, or
    /// ends a stream that has begun with the error.
    /// </summary>
    /// <exception cref="ConversationException">It failed before the first chunk.</exception>
    public Task RunAsync(Func<Task> deliver) => _output.RunAsync(async () =>
    {
        await deliver();
        if (_chunks.Failure is not { } failure)
        {
            await _output.EndAsync();
        }
        else if (_output.HasBegun)
        {
            using var buffer = new RentedBuffer(Array.MaxLength);
            AppendError(buffer, failure.Body.Span);
            await _output.WriteAsync(buffer.Written);
            await _output.EndAsync();
        }
        else
        {
            await failure.WriteAsync(context);
        }
    }, AppendRefusal);

    private static void AppendRefusal(RentedBuffer output, Refusal refusal)
    {
        var body = new ArrayBufferWriter<byte>();
        ErrorWriter.WriteBody(body, refusal);
        AppendError(output, body.WrittenSpan);
    }

    // Source: OpenAI's package for Node 7.57.0, streaming.ts: a chunk with a member "error" is thrown.
    private static void AppendError(RentedBuffer output, ReadOnlySpan<byte> body)
    {
        output.Append("data: "u8);
        output.Append(body);
        output.Append("\n\n"u8);
    }
}
