using Evergrain.Frontend;
using Evergrain.Frontend.InProcess;
using Evergrain.Frontend.Settings;
using Evergrain.Providers.Postgres;
using Evergrain.Silo.Composition;
using Evergrain.Silo.Usage;
using Microsoft.AspNetCore.Builder;

namespace Evergrain.Silo;

/// <summary>
/// One process that needs no other: conversations in it, their journal in a SQLite file or in PostgreSQL. It starts no
/// Orleans and opens no port but its own.
/// </summary>
internal static class AloneServer
{
    /// <summary>Serves until the process is told to stop.</summary>
    public static async Task ServeAsync(WebApplicationBuilder builder, CommandLineSettings settings,
        CancellationToken cancellationToken)
    {
        using var bound = new StopBound();
        await using var journal = JournalComposition.Add(builder.Services, builder.Configuration, ServerRole.Alone);
        await using var app = Compose(builder, settings);
        app.CheckSettings();
        bound.Watch(app);
        await journal.OpenAsync(JournalOwner.Alone, cancellationToken);
        app.MapEvergrain().MapUsage();
        await app.StartAsync(cancellationToken);
        await Greeting.WriteAsync(app, journal.Place);
        await app.ServeAsync(journal, cancellationToken);
    }

    private static WebApplication Compose(WebApplicationBuilder builder, CommandLineSettings settings)
    {
        var (services, configuration) = (builder.Services, builder.Configuration);
        // What is registered later stops before: requests, then conversations, then the report of what they used.
        services.AddUsage();
        services.AddInProcessConversations(
            services.AddSettings<InProcessOptions>(configuration, EvergrainOptions.Section));
        services.AddEvergrainFrontend(configuration);
        services.AddModels(configuration, settings.Models);
        services.UseApiKeys(settings.ApiKeys);
        return builder.Build();
    }
}
