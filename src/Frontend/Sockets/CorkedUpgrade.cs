using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;

namespace Evergrain.Frontend.Sockets;

/// <summary>
/// Puts a <see cref="CorkedStream"/> below every WebSocket: it stands before the WebSocket middleware.
/// </summary>
internal sealed class CorkedUpgrade(IHttpUpgradeFeature inner, TimeProvider time) : IHttpUpgradeFeature
{
    public bool IsUpgradableRequest => inner.IsUpgradableRequest;

    /// <summary>The stream that the upgraded connection runs over; null before.</summary>
    public CorkedStream? Stream { get; private set; }

    public static Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        if (context.Features.Get<IHttpUpgradeFeature>() is { IsUpgradableRequest: true } upgrade)
        {
            var corked = new CorkedUpgrade(upgrade,
                context.RequestServices.GetRequiredService<TimeProvider>());
            context.Features.Set<IHttpUpgradeFeature>(corked);
            context.Features.Set(corked);
        }

        return next(context);
    }

    public async Task<Stream> UpgradeAsync() => Stream =
        new CorkedStream(await inner.UpgradeAsync(), new FrameRate(time), time);
}
