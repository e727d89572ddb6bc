using Evergrain.Conversations.Ports;
using Evergrain.Frontend;
using Evergrain.Frontend.Settings;
using Evergrain.Providers.Demo;
using Evergrain.Providers.Servers;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Evergrain.Silo.Composition;

/// <summary>Which models the server has: the demo model, model servers, or both.</summary>
internal static class ModelComposition
{
    private const string DemoDefault = "demo";

    /// <summary>
    /// Adds the configured model servers, whose mistakes are reported with all others; and the demo model where it is
    /// named, or where there is no other. Its names are exact, so they come before every pattern.
    /// </summary>
    public static IServiceCollection AddModels(
        this IServiceCollection services, IConfiguration configuration, IReadOnlyList<string> given)
    {
        var configured = configuration.GetSection($"{EvergrainOptions.Section}:Models").Get<string[]>() ?? [];
        var names = given.Count > 0 ? given : configured;
        if (names.Count == 0 && !configuration.HasModelServers())
        {
            names = [DemoDefault];
        }

        if (names.Count > 0)
        {
            services.AddSingleton<IModelBackend>(provider => new DemoBackend(names, TimeProvider.System,
                provider.GetRequiredService<IOptions<EvergrainOptions>>().Value.ModelCallsMax));
        }

        try
        {
            return services.AddModelServers(configuration);
        }
        catch (OptionsValidationException e)
        {
            return services.AddSettingsRule(_ => e.Failures);
        }
    }

    /// <summary>The first line after the start: what is served where.</summary>
    public static string Greeting(IReadOnlyList<string> models, string address, string journal) =>
        $"Evergrain listens on {address} with " +
        $"{(models.Count > 0 ? string.Join(", ", models) : "the models of its servers")}; " +
        $"{journal}; process {Environment.ProcessId}";
}
