using System.Net;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Access;
using Evergrain.Frontend.Checks;
using Evergrain.Frontend.Admission;
using Evergrain.Frontend.Http;
using Evergrain.Frontend.Sockets;
using Evergrain.Frontend.Telemetry;
using Evergrain.Frontend.Turns;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
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
            .AddInputCheck(configuration)
            .AddListener()
            .AddAccess()
            .AddAdmission(configuration)
            .AddEdge()
            .AddTelemetry();
    }

    /// <summary>Maps every path the server answers.</summary>
    public static WebApplication MapEvergrain(this WebApplication app)
    {
        app.UseMiddleware<RequestEdge>();
        app.Use(CorkedUpgrade.InvokeAsync);
        app.UseWebSockets();
        app.UseMiddleware<AccessGate>();
        app.UseRouting();
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
        services.AddOptions<EvergrainOptions>()
            .Bind(configuration.GetSection(EvergrainOptions.Section))
            .ValidateOnStart();
        services.AddSingleton<IValidateOptions<EvergrainOptions>, EvergrainRanges>();
        services.AddSingleton<IValidateOptions<EvergrainOptions>, EvergrainAccessRules>();
        return services;
    }

    private static IServiceCollection AddListener(this IServiceCollection services)
    {
        services.AddOptions<KestrelServerOptions>().Configure<IOptions<EvergrainOptions>>(Listen);
        InlineSockets();
        services.Configure<SocketTransportOptions>(static transport => transport.UnsafePreferInlineScheduling = true);
        services.AddOptions<HostOptions>().Configure<IOptions<EvergrainOptions>>(static (host, options) =>
            host.ShutdownTimeout = options.Value.DrainTimeout + (3 * options.Value.CloseTimeout) + StopSlack);
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

    private static IServiceCollection AddAccess(this IServiceCollection services) => services
        .AddSingleton<ApiKeyStore>()
        .AddHostedService(static provider => provider.GetRequiredService<ApiKeyStore>());

    private static IServiceCollection AddEdge(this IServiceCollection services) => services
        .AddSingleton<PollingThread>()
        .AddSingleton<ServerDrain>()
        .AddHostedService(static provider => provider.GetRequiredService<ServerDrain>())
        .AddSingleton<HealthEndpoints>();

    private static IServiceCollection AddTurns(this IServiceCollection services) => services
        .AddSingleton(static provider => new TurnServices
        {
            Conversations = provider.GetRequiredService<IConversations>(),
            Ids = provider.GetRequiredService<IIdSource>(),
            Time = provider.GetRequiredService<TimeProvider>(),
            Options = provider.GetRequiredService<IOptions<EvergrainOptions>>().Value,
            Instruments = provider.GetRequiredService<FrontendInstruments>(),
            Faults = provider.GetRequiredService<FaultReporter>(),
            Turns = provider.GetRequiredService<TurnGate>(),
            ReceivedBytes = provider.GetRequiredService<ByteBudget>(),
            Thread = provider.GetRequiredService<PollingThread>(),
        })
        .AddSingleton<EventPump>()
        .AddSingleton<TurnRunner>()
        .AddSingleton<BackgroundTurns>()
        .AddHostedService(static provider => provider.GetRequiredService<BackgroundTurns>());

    private static IServiceCollection AddSockets(this IServiceCollection services) => services
        .AddSingleton<SocketDrain>()
        .AddHostedService(static provider => provider.GetRequiredService<SocketDrain>())
        .AddSingleton<ResponsesSocket>();

    private static IServiceCollection AddHttp(this IServiceCollection services) => services
        .AddSingleton<RequestBodies>()
        .AddSingleton<CreateEndpoint>()
        .AddSingleton<ResponsesEndpoints>()
        .AddSingleton<ModelsEndpoints>();

    private static IServiceCollection AddTelemetry(this IServiceCollection services) => services
        .AddMetrics()
        .AddSingleton<FrontendInstruments>()
        .AddSingleton<FaultReporter>()
        .AddSingleton<MetricsExposition>();

    private static void MapResponses(this IEndpointRouteBuilder routes)
    {
        var socket = routes.ServiceProvider.GetRequiredService<ResponsesSocket>();
        var responses = routes.ServiceProvider.GetRequiredService<ResponsesEndpoints>();
        var create = routes.ServiceProvider.GetRequiredService<CreateEndpoint>();
        routes.MapGet("/v1/responses", (RequestDelegate)socket.InvokeAsync);
        routes.MapPost("/v1/responses", (RequestDelegate)create.InvokeAsync);
        routes.MapGet("/v1/responses/{id}", (RequestDelegate)responses.GetAsync);
        routes.MapDelete("/v1/responses/{id}", (RequestDelegate)responses.DeleteAsync);
        routes.MapPost("/v1/responses/{id}/cancel", (RequestDelegate)responses.CancelAsync);
        routes.MapGet("/v1/responses/{id}/input_items", (RequestDelegate)responses.ListInputItemsAsync);
    }

    private static void MapModels(this IEndpointRouteBuilder routes)
    {
        var models = routes.ServiceProvider.GetRequiredService<ModelsEndpoints>();
        routes.MapGet("/v1/models", (RequestDelegate)models.ListAsync);
        routes.MapGet("/v1/models/{**id}", (RequestDelegate)models.GetAsync);
    }

    private static void MapHealth(this IEndpointRouteBuilder routes)
    {
        var health = routes.ServiceProvider.GetRequiredService<HealthEndpoints>();
        routes.MapGet("/health/live", (RequestDelegate)health.LiveAsync);
        routes.MapGet("/health/ready", (RequestDelegate)health.ReadyAsync);
    }

    private static void MapDocument(this IEndpointRouteBuilder routes) =>
        routes.MapGet("/openapi.json", (RequestDelegate)OpenApiDocument.WriteAsync);

    private static void MapMetrics(this IEndpointRouteBuilder routes)
    {
        var metrics = routes.ServiceProvider.GetRequiredService<MetricsExposition>();
        routes.MapGet("/metrics", (RequestDelegate)metrics.WriteAsync);
    }

    private static void Listen(KestrelServerOptions kestrel, IOptions<EvergrainOptions> options)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxConcurrentConnections = options.Value.HttpConnectionsMax;
        kestrel.Limits.MaxRequestBodySize = options.Value.BodyBytesMax;
        if (EvergrainAccessRules.TryParseAddress(options.Value.Address, out var address))
        {
            kestrel.Listen(address, options.Value.Port, static listen => listen.Protocols = HttpProtocols.Http1);
        }
    }
}
