using Evergrain.Conversations.Ports;
using Evergrain.Providers.Chat;
using Evergrain.Providers.Dialects;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Evergrain.Providers.Servers;

/// <summary>Registers model servers as <see cref="IModelBackend"/>s, one each, in their order.</summary>
public static class ModelServersExtensions
{
    /// <summary>Whether a configuration names a model server.</summary>
    public static bool HasModelServers(this IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return ModelServerSettings.Exist(configuration);
    }

    /// <summary>
    /// Adds the servers of section <see cref="ModelServerOptions.Section"/>; or, where <c>Evergrain:ModelUrl</c> is
    /// set, that one alone, with <c>Evergrain:ModelApi</c>, <c>Evergrain:ModelKey</c> and the section
    /// <see cref="ModelServerOptions.SingleSection"/>.
    /// </summary>
    /// <exception cref="OptionsValidationException">There is a mistake; it holds all of them.</exception>
    public static IServiceCollection AddModelServers(this IServiceCollection services, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return services.AddChecked(ModelServerSettings.Read(configuration));
    }

    /// <summary>Adds the servers of a list.</summary>
    /// <exception cref="OptionsValidationException">There is a mistake; it holds all of them.</exception>
    public static IServiceCollection AddModelServers(
        this IServiceCollection services, IReadOnlyList<ModelServerOptions> servers)
    {
        ArgumentNullException.ThrowIfNull(servers);
        return services.AddChecked(ModelServerSettings.Checked(servers));
    }

    private static IServiceCollection AddChecked(
        this IServiceCollection services, IReadOnlyList<ModelServerOptions> servers)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<IIdSource, RandomIdSource>();
        services.AddMetrics();
        services.TryAddSingleton<ModelServerInstruments>();
        services.TryAddSingleton<ChatInstruments>();
        services.TryAddSingleton(static provider => new ModelServerServices
        {
            Time = provider.GetRequiredService<TimeProvider>(),
            Ids = provider.GetRequiredService<IIdSource>(),
            Instruments = provider.GetRequiredService<ModelServerInstruments>(),
            Logger = provider.GetRequiredService<ILogger<ModelServerBackend>>(),
        });
        var names = new ModelNames(servers.Select(static server => server.Models));
        foreach (var (index, server) in servers.Index())
        {
            var dialect = DialectChoice.Of(server.Dialect, server.Urls);
            services.AddSingleton<IModelBackend>(provider => new ModelServerBackend(
                new ModelServer(server, ModelApis.Create(server, dialect.Dialect, provider),
                    provider.GetRequiredService<ModelServerServices>()),
                dialect, new ModelRoute(names, index)));
        }

        services.TryAddEnumerable(ServiceDescriptor.Singleton<IHostedService, DialectDetection>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IHostedService, ModelListing>());
        return services;
    }
}

/// <summary>What every model server needs from its process.</summary>
internal sealed class ModelServerServices
{
    public required TimeProvider Time { get; init; }

    public required IIdSource Ids { get; init; }

    public required ModelServerInstruments Instruments { get; init; }

    public required ILogger Logger { get; init; }
}
