using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Evergrain.Silo.Cluster;

/// <summary>
/// Answers requests that come before this process has joined its cluster. It listens from the first moment, so that its
/// health can be asked for.
/// </summary>
internal static class StartGate
{
    private static readonly Refusal Starting = new(RefusalKind.Unavailable,
        "The server has not joined its cluster yet, or is leaving it: try again.");

    public static WebApplication UseStartGate(this WebApplication app)
    {
        var member = app.Services.GetRequiredService<ClusterMember>();
        app.Use((context, next) => member.HasJoined || context.Request.Path.IsProbe()
            ? next(context)
            : context.WriteRefusalAsync(Starting));
        return app;
    }
}
