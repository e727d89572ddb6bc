using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Admission;
using Evergrain.Frontend.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Evergrain.Frontend.Turns;

/// <summary>Registers what runs turns for clients, and what stopping means to it.</summary>
internal static class TurnsExtensions
{
    public static IServiceCollection AddTurns(this IServiceCollection services) => services
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

    public static IServiceCollection AddDrain(this IServiceCollection services) => services
        .AddSingleton<PollingThread>()
        .AddSingleton<ServerDrain>()
        .AddHostedService(static provider => provider.GetRequiredService<ServerDrain>());
}
