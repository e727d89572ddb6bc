using System.Buffers;
using System.IO.Pipelines;
using System.Text.Unicode;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Access;
using Evergrain.Frontend.Admission;
using Evergrain.Frontend.Turns;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace Evergrain.Frontend.Http;

/// <summary>
/// Reads whole request bodies of JSON into rented memory: bounded in bytes, as sent and unpacked, and in time.
/// </summary>
internal sealed class RequestBodies(IOptions<EvergrainOptions> options, ByteBudget budget, PollingThread thread,
    ServerDrain drain, TimeProvider time)
{
    private readonly int _bodyBytesMax = options.Value.BodyBytesMax;
    private readonly TimeSpan _timeout = options.Value.BodyTimeout;

    private int BytesMax => Math.Min(_bodyBytesMax, budget.RequestBytesMax);

    /// <summary>Reads and unpacks a body; its memory is the caller's to return.</summary>
    /// <exception cref="ConversationException">
    /// It is too large, too slow, broken, or of another type, or there was no room for it in time; or the server stops.
    /// </exception>
    /// <exception cref="ClientGoneException">The client left in the middle of it.</exception>
    public async Task<RentedBuffer> ReadAsync(HttpRequest request)
    {
        CheckType(request.ContentType);
        var unpack = BodyEncoding.Find(request.Headers.ContentEncoding.ToString());
        var tenant = request.HttpContext.Features.GetRequiredFeature<Caller>().Tenant;
        var body = new RentedBuffer(BytesMax, budget.Open(tenant)) { Expected = request.ContentLength ?? 0 };
        try
        {
            await FillAsync(body, request);
            await body.ReserveAsync(body.Length, request.HttpContext.RequestAborted);

            // The body's last bytes may have come on it.
            await thread.LeaveAsync(unpack is null ? body.Length : int.MaxValue);
            if (unpack is not null)
            {
                return await UnpackAsync(body, unpack, request);
            }

            CheckText(body);
            return body;
        }
        catch (Exception)
        {
            body.Dispose();
            throw;
        }
    }

    /// <summary>Refuses what is not JSON. A body without a type is taken: there is only one it can be.</summary>
    private static void CheckType(string? type)
    {
        if (string.IsNullOrEmpty(type) || (MediaTypeHeaderValue.TryParse(type, out var media) &&
            media.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase) &&
            (!media.Charset.HasValue || HeaderUtilities.RemoveQuotes(media.Charset).Equals("utf-8",
                StringComparison.OrdinalIgnoreCase))))
        {
            return;
        }

        throw ConversationException.Of(RefusalKind.UnsupportedMedia,
            $"The Content-Type '{RoutingFields.Shorten(type)}' is not taken: send 'application/json' in UTF-8.");
    }

    // A JSON reader looks into no string, and what is repeated in an answer would be no JSON.
    private static void CheckText(RentedBuffer body)
    {
        if (!Utf8.IsValid(body.Written.Span))
        {
            throw ConversationException.Of(RefusalKind.InvalidRequest, "The body is not UTF-8.");
        }
    }

    private async Task FillAsync(RentedBuffer body, HttpRequest request)
    {
        // Counted here: the server's own count takes in what chunks add, and its refusal cuts a client off that still
        // sends and would not see it.
        request.HttpContext.Features.Get<IHttpMaxRequestBodySizeFeature>()?.MaxRequestBodySize = null;
        CheckLength(request.ContentLength ?? 0);
        var reader = request.BodyReader;
        await using var late = time.CreateTimer(
            static reader => ((PipeReader)reader!).CancelPendingRead(), reader, _timeout, Timeout.InfiniteTimeSpan);
        await using var over = drain.Over.UnsafeRegister(
            static reader => ((PipeReader)reader!).CancelPendingRead(), reader);
        try
        {
            var clock = new BodyClock(late, time, _timeout);
            while (!await ReadAsync(reader, body, clock, request.HttpContext.RequestAborted))
            {
            }
        }
        catch (Exception e) when (e is ConnectionAbortedException or (IOException and not BadHttpRequestException))
        {
            throw new ClientGoneException("The client left in the middle of its body, or was cut off.", e);
        }
    }

    private async ValueTask<bool> ReadAsync(PipeReader reader, RentedBuffer body, BodyClock clock,
        CancellationToken aborted)
    {
        // No token: a read that is given up would leave the connection of no use, even for the answer.
        var result = await reader.ReadAsync(CancellationToken.None);
        try
        {
            CheckLength(body.Length + result.Buffer.Length);
            await clock.PauseAsync(body, body.MakeRoomAsync((int)result.Buffer.Length, aborted));
            result.Buffer.CopyTo(body.Claim((int)result.Buffer.Length));
        }
        finally
        {
            reader.AdvanceTo(result.Buffer.End);
        }

        if (result.IsCanceled && !result.IsCompleted)
        {
            throw drain.Over.IsCancellationRequested
                ? new ConversationException(ServerDrain.Restarting)
                : ConversationException.Of(RefusalKind.InvalidRequest,
                    $"The body did not end within {_timeout.TotalSeconds:0.###} s.");
        }

        return result.IsCompleted;
    }

    private async ValueTask<RentedBuffer> UnpackAsync(
        RentedBuffer packed, Func<Stream, Stream> open, HttpRequest request)
    {
        var bytes = packed.Segment;
        await using var unpacked = open(new MemoryStream(bytes.Array!, bytes.Offset, bytes.Count, writable: false));

        // One charge for both: a request must not wait for room that it holds itself.
        var body = packed.Beside();
        try
        {
            await UnpackAsync(unpacked, body, request.HttpContext.RequestAborted);
            CheckText(body);
            packed.Surrender();
            return body;
        }
        catch (Exception e) when (BodyEncoding.IsBroken(e))
        {
            body.Dispose();
            throw new ConversationException(new Refusal(RefusalKind.InvalidRequest,
                "The body cannot be unpacked: it is not what its Content-Encoding says, or is cut off."), e);
        }
        catch (Exception)
        {
            body.Dispose();
            throw;
        }
    }

    private async ValueTask UnpackAsync(Stream unpacked, RentedBuffer body, CancellationToken aborted)
    {
        var read = int.MaxValue;
        while (read > 0 && !body.IsOverLong)
        {
            // How much it becomes is known when it is there, so it is charged before each time that it grows.
            await body.MakeRoomAsync(1, aborted);
            read = await unpacked.ReadAsync(body.Free(), aborted);
            body.Advance(read);
        }

        CheckLength(body.Length);
        await body.ReserveAsync(body.Length, aborted);
    }

    private void CheckLength(long length)
    {
        if (length > BytesMax)
        {
            throw ConversationException.Of(RefusalKind.TooLarge, $"The body is longer than {BytesMax} bytes.");
        }
    }

    /// <summary>The time a client has to send its body; it stands still while the body waits for room.</summary>
    private sealed class BodyClock(ITimer late, TimeProvider time, TimeSpan timeout)
    {
        private readonly long _begun = time.GetTimestamp();

        public async ValueTask PauseAsync(RentedBuffer body, ValueTask room)
        {
            if (room.IsCompleted)
            {
                await room;
                return;
            }

            late.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            await room;
            var left = timeout - (time.GetElapsedTime(_begun) - body.Waited);
            late.Change(left > TimeSpan.Zero ? left : TimeSpan.Zero, Timeout.InfiniteTimeSpan);
        }
    }
}
