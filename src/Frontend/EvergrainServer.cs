using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Access;
using Evergrain.Frontend.Admission;
using Evergrain.Frontend.Completions;
using Evergrain.Frontend.Http;
using Evergrain.Frontend.Listening;
using Evergrain.Frontend.Pages;
using Evergrain.Frontend.Settings;
using Evergrain.Frontend.Sockets;
using Evergrain.Frontend.Telemetry;
using Evergrain.Frontend.Turns;
using Evergrain.Providers.Checks;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Evergrain.Frontend;

/// <summary>
/// The server between the network and the conversations. A host registers their ports and its
/// <see cref="IModelBackend"/>s, calls <see cref="AddEvergrainFrontend"/>, and maps it.
/// </summary>
public static class EvergrainServer
{
    /// <summary>Registers the frontend; options are bound to section <c>Evergrain</c> and checked at start.</summary>
    public static IServiceCollection AddEvergrainFrontend(this IServiceCollection services,
        IConfiguration configuration) => services
        .AddEvergrainProbes(configuration)
        .AddTurns()
        .AddSockets()
        .AddHttp()
        .AddCompletions();

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
            .AddTelemetry(configuration);
    }

    /// <summary>Maps every path the server answers.</summary>
    public static WebApplication MapEvergrain(this WebApplication app)
    {
        app.UseMiddleware<ServedRequests>();
        app.UseMiddleware<RequestEdge>();
        app.Use(ProbePlaces.AnswerAsync);
        app.UseAllowedOrigins();
        app.Use(CorkedUpgrade.InvokeAsync);
        app.UseWebSockets();
        app.UseMiddleware<AccessGate>();
        app.UseRouting();
        app.MapSocket();
        app.MapResponses();
        app.MapCompletions();
        app.MapModels();
        app.MapConversations();
        app.MapHealth();
        app.MapDocument();
        app.MapPages();
        app.MapMetrics();
        return app;
    }

    /// <summary>Maps health and metrics, and no more.</summary>
    public static WebApplication MapEvergrainProbes(this WebApplication app)
    {
        app.UseMiddleware<RequestEdge>();
        app.Use(ProbePlaces.AnswerAsync);
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
            .AddSettingsRule(static options => options.OperationsPort is > 0 && options.OperationsPort == options.Port
                ? [$"OperationsPort {options.OperationsPort} is the server's own port: choose another one."]
                : [])
            .AddSettingsRule(static options => options.DrainDelay > options.DrainTimeout
                ? ["DrainDelay is a part of DrainTimeout: it must not be longer."]
                : []);
    }
}
