using Evergrain.Conversations.Ports;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Evergrain.Providers.Checks;

/// <summary>Registers the check on new input.</summary>
public static class InputCheckExtensions
{
    /// <summary>
    /// Adds an <see cref="IInputCheck"/> if section <c>Evergrain:InputCheck</c> is there. Needs a
    /// <see cref="TimeProvider"/>. Its first use throws an <see cref="OptionsValidationException"/> where the section
    /// has mistakes.
    /// </summary>
    public static IServiceCollection AddInputCheck(this IServiceCollection services, IConfiguration configuration) =>
        InputCheckOptions.Read(configuration) is { } options
            ? services
                .AddMetrics()
                .AddSingleton<CheckFailures>()
                .AddSingleton<IInputCheck>(provider => Create(provider, options))
            : services;

    private static ConfiguredCheck Create(IServiceProvider provider, InputCheckOptions options) =>
        options.FindMistakes() is { Count: > 0 } mistakes
            ? throw new OptionsValidationException(InputCheckOptions.Section, typeof(InputCheckOptions), mistakes)
            : new ConfiguredCheck(options, provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<CheckFailures>().Report);
}
