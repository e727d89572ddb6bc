using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Evergrain.Frontend.Sockets;

/// <summary>Registers the WebSocket, and maps its path.</summary>
internal static class SocketsExtensions
{
    public static IServiceCollection AddSockets(this IServiceCollection services) => services
        .AddSingleton<SocketDrain>()
        .AddHostedService(static provider => provider.GetRequiredService<SocketDrain>())
        .AddSingleton<SocketServices>()
        .AddSingleton<ResponsesSocket>();

    public static void MapSocket(this IEndpointRouteBuilder routes)
    {
        var socket = routes.ServiceProvider.GetRequiredService<ResponsesSocket>();
        routes.MapGet("/v1/responses", (RequestDelegate)socket.InvokeAsync);
    }
}
