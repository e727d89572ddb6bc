using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Settings;
using Evergrain.Providers.Checks;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Evergrain.Frontend.Checks;

/// <summary>Registers the check on new input.</summary>
public static class InputCheckExtensions
{
    /// <summary>
    /// Adds an <see cref="IInputCheck"/> if section <c>Evergrain:InputCheck</c> is there. Its mistakes are reported at
    /// start together with those of <see cref="EvergrainOptions"/>. Needs a <see cref="TimeProvider"/>.
    /// </summary>
    public static IServiceCollection AddInputCheck(this IServiceCollection services, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var section = configuration.GetSection(InputCheckOptions.Section);
        if (!section.Exists())
        {
            return services;
        }

        var options = section.Get<InputCheckOptions>() ?? new InputCheckOptions();
        return services
            .AddSettingsRule(_ => options.FindMistakes())
            .AddSingleton<CheckFailures>()
            .AddSingleton<IInputCheck>(provider => Create(provider, options));
    }

    private static ConfiguredCheck Create(IServiceProvider provider, InputCheckOptions options)
    {
        // Throws what is wrong, if anything is.
        _ = provider.GetRequiredService<IOptions<EvergrainOptions>>().Value;
        return new ConfiguredCheck(options, provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<CheckFailures>().Report);
    }
}
