using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Telemetry;
using Evergrain.Frontend.Turns;
using Microsoft.AspNetCore.Http;

namespace Evergrain.Frontend.Http;

/// <summary>The outermost step: a request id on every answer, and a JSON error for every failure.</summary>
internal sealed class RequestEdge(RequestDelegate next, IIdSource ids, FaultReporter faults,
    FrontendInstruments instruments, PollingThread thread)
{
    public async Task InvokeAsync(HttpContext context)
    {
        context.Response.Headers["x-request-id"] = "req_" + Base62.Format(ids.Next128());
        if (!context.Request.Path.IsHealth())
        {
            // Health checks are always short enough to be answered on it.
            await thread.LeaveAsync();
        }

        Refusal? refusal;
        try
        {
            await next(context);

            // Routing says 404 and 405 without a body.
            refusal = context.Response.HasStarted ? null : AbsentFeatures.RefusalOf(context);
        }
        catch (ConversationException e)
        {
            refusal = e.Refusal;
        }
        catch (BadHttpRequestException e)
        {
            var isTooLarge = e.StatusCode == StatusCodes.Status413PayloadTooLarge;
            refusal = new Refusal(isTooLarge ? RefusalKind.TooLarge : RefusalKind.InvalidRequest, e.Message);
        }
        catch (ClientGoneException)
        {
            return;
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            return;
        }
        catch (Exception e)
        {
            refusal = faults.Mask(e);
        }

        if (refusal is not null && !context.Response.HasStarted)
        {
            instruments.ErrorSent(refusal);
            await context.WriteRefusalAsync(refusal);
        }
    }
}
