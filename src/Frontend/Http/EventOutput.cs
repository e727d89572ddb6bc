using System.Buffers;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Turns;
using Microsoft.AspNetCore.Http;

namespace Evergrain.Frontend.Http;

/// <summary>
/// The answer that is a stream of server-sent events. Status and headers leave with the first of them: until then the
/// request can still be answered with an error.
/// </summary>
/// <remarks>
/// An event and its blank line leave in one write, which is one chunk of the body: some clients lose an event whose
/// end comes in a later read. Source: the WHATWG's HTML standard, server-sent events; OpenAI's streaming guide.
/// </remarks>
internal sealed class EventOutput(HttpContext context, TurnServices services)
{
    private static readonly byte[] Done = "data: [DONE]\n\n"u8.ToArray();
    private static readonly SearchValues<byte> LineEnds = SearchValues.Create("\r\n"u8);

    private readonly bool _wantsTiming = TimingWishes.Of(context.Request).IsTurn;

    /// <summary>Whether the head has left.</summary>
    public bool HasBegun { get; private set; }

    /// <summary>Measures the turn; null: nobody does.</summary>
    public TurnMeter? Meter { get; set; }

    /// <summary>
    /// Puts the data of an event on one line: a parameter is echoed as it came, and may have come with line ends
    /// between its tokens.
    /// </summary>
    public static void KeepOnOneLine(Span<byte> line)
    {
        for (int at; (at = line.IndexOfAny(LineEnds)) >= 0; line = line[at..])
        {
            line[at] = (byte)' ';
        }
    }

    /// <summary>Sends the head, once.</summary>
    public void Begin()
    {
        if (HasBegun)
        {
            return;
        }

        HasBegun = true;
        context.Response.ContentType = "text/event-stream; charset=utf-8";
        context.Response.Headers.CacheControl = "no-cache";

        if (_wantsTiming && Meter is not null)
        {
            context.Response.Headers[TimingEvents.ServerTiming] = TimingEvents.WriteHeader(Meter.Read());
        }

        // nginx would collect events until its buffer is full.
        context.Response.Headers["X-Accel-Buffering"] = "no";
    }

    /// <summary>Sends what says that the turn still runs.</summary>
    /// <exception cref="ClientGoneException">It cannot be sent.</exception>
    public ValueTask KeepAliveAsync(byte[] keepalive)
    {
        Begin();
        services.Instruments.KeepaliveSent();
        return WriteAsync(keepalive);
    }

    /// <summary>Sends the last event.</summary>
    /// <exception cref="ClientGoneException">It cannot be sent.</exception>
    public ValueTask EndAsync()
    {
        Begin();
        return WriteAsync(Done);
    }

    /// <summary>Runs what writes to the stream, and ends the stream with an error where it cannot go on.</summary>
    /// <param name="deliver">Writes to it, up to its end.</param>
    /// <param name="writeError">Writes a refusal as an event.</param>
    /// <exception cref="ConversationException">It failed before the first event.</exception>
    public async Task RunAsync(Func<Task> deliver, Action<RentedBuffer, Refusal> writeError)
    {
        try
        {
            await deliver();
        }
        catch (Exception e) when (e is not ClientGoneException && !context.RequestAborted.IsCancellationRequested)
        {
            var refusal = e switch
            {
                ConversationException expected => expected.Refusal,
                OperationCanceledException => ServerDrain.Restarting,
                _ => services.Instruments.Faults.Mask(e),
            };
            if (!HasBegun)
            {
                throw new ConversationException(refusal, e);
            }

            services.Instruments.ErrorSent(refusal);
            using var buffer = new RentedBuffer(Array.MaxLength);
            writeError(buffer, refusal);
            buffer.Append(Done);
            await WriteAsync(buffer.Written);
        }
    }

    /// <summary>Sends whole events.</summary>
    /// <exception cref="ClientGoneException">They cannot be sent.</exception>
    public ValueTask WriteAsync(ReadOnlyMemory<byte> bytes)
    {
        // No token: what was begun is sent whole or not at all, and a client that leaves ends the write.
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
