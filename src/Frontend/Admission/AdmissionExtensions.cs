using Evergrain.Conversations.Holding;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Listening;
using Evergrain.Frontend.Settings;
using Evergrain.Frontend.Telemetry;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Evergrain.Frontend.Admission;

/// <summary>Registers what bounds the load.</summary>
internal static class AdmissionExtensions
{
    /// <summary>Bounds come from <paramref name="configuration"/>, whose files are looked at for changes.</summary>
    public static IServiceCollection AddAdmission(this IServiceCollection services, IConfiguration configuration) =>
        services
            .AddSettingsRule(_ => FindMistakes(configuration))
            .AddSingleton(provider => new FileBounds(OpenFiles.Max(),
                provider.GetRequiredService<IOptions<EvergrainOptions>>().Value.HttpConnectionsMax,
                AdmissionBounds.Load(configuration, []).All))
            .AddSingleton(provider => new AdmissionSettings(configuration,
                provider.GetRequiredService<FileBounds>(),
                provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<ILogger<AdmissionSettings>>()))
            .AddHostedService(static provider => provider.GetRequiredService<AdmissionSettings>())
            .AddSingleton(static provider => new TurnGate(
                new ModelCatalog([.. provider.GetServices<IModelBackend>()]),
                provider.GetRequiredService<AdmissionSettings>(),
                provider.GetRequiredService<AdmissionInstruments>(),
                provider.GetRequiredService<TimeProvider>())
            {
                Rates = provider.GetRequiredService<RateGate>(),
            })
            .AddSingleton<RateGate>()
            .AddSingleton<ByteBudget>()
            .AddSingleton(static provider => CountHolding(provider))
            .AddHostedService<MemoryReturn>()
            .AddSingleton<ConnectionGate>()
            .AddSingleton<AdmissionInstruments>();

    private static ProcessHolding CountHolding(IServiceProvider provider)
    {
        var settings = provider.GetRequiredService<AdmissionSettings>();
        var holding = new ProcessHolding(
            () => settings.Current.Memory.Holding, tenant => settings.Current.Of(tenant).MemoryBytesMax);
        provider.GetRequiredService<AdmissionInstruments>().ObserveHeldBytes(() => holding.Bytes);
        return holding;
    }

    private static List<string> FindMistakes(IConfiguration configuration)
    {
        var mistakes = new List<string>();
        AdmissionBounds.Load(configuration, mistakes);
        return mistakes;
    }
}
