using System.Net;
using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Access;
using Evergrain.Frontend.Admission;
using Evergrain.Frontend.Http;
using Evergrain.Frontend.Settings;
using Evergrain.Frontend.Sockets;
using Evergrain.Frontend.Telemetry;
using Evergrain.Frontend.Turns;
using Evergrain.Providers.Checks;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Evergrain.Frontend;

/// <summary>
/// The server between the network and <see cref="IConversations"/>. A host registers that port and its
/// <see cref="IModelBackend"/>s, calls <see cref="AddEvergrainFrontend"/>, and maps it.
/// </summary>
public static class EvergrainServer
{
    private static readonly TimeSpan StopSlack = TimeSpan.FromSeconds(5);

    /// <summary>Registers the frontend; options are bound to section <c>Evergrain</c> and checked at start.</summary>
    public static IServiceCollection AddEvergrainFrontend(this IServiceCollection services,
        IConfiguration configuration) => services
        .AddEvergrainProbes(configuration)
        .AddTurns()
        .AddSockets()
        .AddHttp();

    /// <summary>
    /// Registers what <see cref="MapEvergrainProbes"/> answers with: a server that serves no clients, with the same
    /// settings.
    /// </summary>
    public static IServiceCollection AddEvergrainProbes(this IServiceCollection services, IConfiguration configuration)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<IIdSource, RandomIdSource>();
        return services
            .AddSettings(configuration)
            .AddSettingsRule(_ => InputCheckOptions.Read(configuration)?.FindMistakes() ?? [])
            .AddInputCheck(configuration)
            .AddListener()
            .AddAccess()
            .AddAdmission(configuration)
            .AddDrain()
            .AddHealth()
            .AddTelemetry();
    }

    /// <summary>Maps every path the server answers.</summary>
    public static WebApplication MapEvergrain(this WebApplication app)
    {
        app.UseMiddleware<ServedRequests>();
        app.UseMiddleware<RequestEdge>();
        app.UseAllowedOrigins();
        app.Use(CorkedUpgrade.InvokeAsync);
        app.UseWebSockets();
        app.UseMiddleware<AccessGate>();
        app.UseRouting();
        app.MapSocket();
        app.MapResponses();
        app.MapModels();
        app.MapHealth();
        app.MapDocument();
        app.MapMetrics();
        return app;
    }

    /// <summary>Maps health and metrics, and no more.</summary>
    public static WebApplication MapEvergrainProbes(this WebApplication app)
    {
        app.UseMiddleware<RequestEdge>();
        app.UseMiddleware<AccessGate>();
        app.UseRouting();
        app.MapHealth();
        app.MapMetrics();
        return app;
    }

    private static IServiceCollection AddSettings(this IServiceCollection services, IConfiguration configuration)
    {
        IReadOnlyList<string> unread = [];
        services.AddOptions<EvergrainOptions>()
            .Configure(options => unread = SettingsExtensions.Bind(
                configuration.GetSection(EvergrainOptions.Section), options))
            .ValidateOnStart();
        return services
            .AddSettingsRule(_ => unread)
            .AddSettingsRule(static options => OptionRules.FindMistakes(options))
            .AddSettingsRule(static options => options.DrainDelay > options.DrainTimeout
                ? ["DrainDelay is a part of DrainTimeout: it must not be longer."]
                : []);
    }

    private static IServiceCollection AddListener(this IServiceCollection services)
    {
        services.AddOptions<KestrelServerOptions>().Configure<IOptions<EvergrainOptions>, ServerDrain>(Listen);
        InlineSockets();
        services.Configure<SocketTransportOptions>(static transport => transport.UnsafePreferInlineScheduling = true);
        services.AddOptions<HostOptions>().Configure<IOptions<EvergrainOptions>>(static (host, options) =>
            host.ShutdownTimeout = options.Value.DrainTimeout + (4 * options.Value.CloseTimeout) + StopSlack);
        return services;
    }

    /// <summary>
    /// Lets the threads that poll the sockets run what a socket's bytes ask for, up to the first wait: so a health
    /// check, a ping or a cancel does not stand in the thread pool's line behind thousands of turns. With 5,000 turns
    /// begun at once the median answer of /health/ready took 5 ms and the slowest 500 without, 0.5 and 180 with.
    /// </summary>
    /// <remarks>The runtime reads the variable with the process's first socket; a value that is set already
    /// stays.</remarks>
    private static void InlineSockets()
    {
        const string variable = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";
        if (Environment.GetEnvironmentVariable(variable) is null)
        {
            Environment.SetEnvironmentVariable(variable, "1");
        }
    }

    private static void Listen(KestrelServerOptions kestrel, IOptions<EvergrainOptions> options, ServerDrain drain)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxConcurrentConnections = options.Value.HttpConnectionsMax;
        kestrel.Limits.MaxRequestBodySize = options.Value.BodyBytesMax;
        if (AccessExtensions.TryParseAddress(options.Value.Address, out var address))
        {
            kestrel.Listen(address, options.Value.Port, listen =>
            {
                listen.Protocols = HttpProtocols.Http1;
                listen.Use(next => connection => ServeUntilCutAsync(connection, next, drain));
            });
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
