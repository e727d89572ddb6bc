using Microsoft.Extensions.DependencyInjection;

namespace Evergrain.Frontend.Turns;

/// <summary>Registers what runs turns for clients, and what stopping means to it.</summary>
internal static class TurnsExtensions
{
    public static IServiceCollection AddTurns(this IServiceCollection services) => services
        .AddSingleton<TurnServices>()
        .AddSingleton<EventPump>()
        .AddSingleton<RepeatedCreates>()
        .AddSingleton<TurnRunner>()
        .AddSingleton<BackgroundTurns>()
        .AddHostedService(static provider => provider.GetRequiredService<BackgroundTurns>());

    public static IServiceCollection AddDrain(this IServiceCollection services) => services
        .AddSingleton<PollingThread>()
        .AddSingleton<ServerDrain>()
        .AddHostedService(static provider => provider.GetRequiredService<ServerDrain>());
}
