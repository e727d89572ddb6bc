using System.Net;
using Evergrain.Frontend.Access;
using Evergrain.Frontend.Turns;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Evergrain.Frontend.Listening;

/// <summary>Registers what accepts connections.</summary>
internal static class ListeningExtensions
{
    // Probes and scrapers, and a few mistakes. They fit into the files that the process keeps for itself.
    private const int OperationsConnectionsMax = 64;

    private static readonly TimeSpan StopSlack = TimeSpan.FromSeconds(5);

    /// <summary>The listener, its bounds, and how long the process takes to stop.</summary>
    public static IServiceCollection AddListener(this IServiceCollection services)
    {
        services.AddSingleton<IConnectionListenerFactory, PatientTransport>();
        services.AddOptions<KestrelServerOptions>()
            .Configure<IOptions<EvergrainOptions>, FileBounds, TimeProvider, ServerDrain, ILogger<ProbePlaces>>(Listen);
        services.AddOptions<HostOptions>().Configure<IOptions<EvergrainOptions>>(static (host, options) =>
            host.ShutdownTimeout = options.Value.DrainTimeout + (4 * options.Value.CloseTimeout) + StopSlack);
        return services;
    }

    private static void Listen(KestrelServerOptions kestrel, IOptions<EvergrainOptions> options, FileBounds files,
        TimeProvider time, ServerDrain drain, ILogger<ProbePlaces> logger)
    {
        kestrel.AddServerHeader = false;

        // Of each port.
        kestrel.Limits.MaxConcurrentConnections = files.HttpConnectionsMax;
        kestrel.Limits.MaxRequestBodySize = options.Value.BodyBytesMax;
        if (AccessExtensions.TryParseAddress(options.Value.Address, out var address))
        {
            kestrel.Listen(address, options.Value.Port, listen => Serve(listen, files.HttpConnectionsMax));
            if (options.Value.OperationsPort is { } port)
            {
                kestrel.Listen(address, port, listen =>
                {
                    Serve(listen, OperationsConnectionsMax);
                    OperationsListener.Use(listen);
                });
            }
        }

        void Serve(ListenOptions listen, int connectionsMax)
        {
            listen.Protocols = HttpProtocols.Http1;
            ProbePlaces.Use(listen, connectionsMax, time, logger);
            listen.Use(next => connection => ServeUntilCutAsync(connection, next, drain));
            listen.Use(next => FairInput.Before(next, time));
        }
    }

    /// <summary>Nothing else ends a connection that waits for the rest of a request's head.</summary>
    private static async Task ServeUntilCutAsync(ConnectionContext connection, ConnectionDelegate next,
        ServerDrain drain)
    {
        await using var cut = drain.Cut.UnsafeRegister(static connection => ((ConnectionContext)connection!).Abort(
            new ConnectionAbortedException("The server stops.")), connection);
        await next(connection);
    }
}
