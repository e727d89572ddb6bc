using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ports;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Evergrain.Frontend.Embedded;

/// <summary>Registers the embedded host.</summary>
public static class EmbeddedHostExtensions
{
    /// <summary>
    /// Adds <see cref="IConversations"/> as conversations in this process. Needs an <see cref="IJournal"/>, the
    /// <see cref="IModelBackend"/>s, an <see cref="IIdSource"/> and a <see cref="TimeProvider"/>; an
    /// <see cref="IInputCheck"/> looks at new input if there is one.
    /// </summary>
    public static IServiceCollection AddEmbeddedConversations(this IServiceCollection services, EmbeddedOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        services.AddSingleton<ConversationInstruments>();
        services.AddSingleton(provider => Create(provider, options));
        services.AddSingleton<IConversations>(provider => provider.GetRequiredService<EmbeddedConversations>());
        return services;
    }

    private static EmbeddedConversations Create(IServiceProvider provider, EmbeddedOptions options)
    {
        var instruments = provider.GetRequiredService<ConversationInstruments>();
        var time = provider.GetRequiredService<TimeProvider>();
        return new EmbeddedConversations(new EmbeddedContext
        {
            Options = options,
            Journal = provider.GetRequiredService<IJournal>(),
            Models = new ModelCatalog([.. provider.GetServices<IModelBackend>()]),
            Ids = provider.GetRequiredService<IIdSource>(),
            Time = time,
            Logger = provider.GetRequiredService<ILogger<EmbeddedConversations>>(),
            Instruments = instruments,
            WarmBytes = new WarmMemory(options.WarmBytesMax, instruments),
            InputGate = provider.GetService<IInputCheck>() is { } check
                ? new InputGate(check, time, instruments)
                : null,
        });
    }
}
