using Evergrain.Frontend.Turns;
using Microsoft.AspNetCore.Http;

namespace Evergrain.Frontend.Http;

/// <summary>
/// Counts what is served, so that a server that stops listens until it has ended; and then tells clients not to keep
/// their connections.
/// </summary>
internal sealed class ServedRequests(RequestDelegate next, ServerDrain drain)
{
    public Task InvokeAsync(HttpContext context) =>
        context.Request.Path.IsProbe() ? next(context) : ServeAsync(context);

    private async Task ServeAsync(HttpContext context)
    {
        drain.Enter();
        try
        {
            // The answer to an upgrade needs that header for itself.
            if (drain.IsStopping && context.Request.Headers.Upgrade.Count == 0)
            {
                context.Response.Headers.Connection = "close";
            }

            await next(context);
        }
        finally
        {
            drain.Leave();
        }
    }
}
