using Evergrain.Frontend;
using Evergrain.Frontend.InProcess;
using Evergrain.Frontend.Settings;
using Evergrain.Providers.Journals;
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
        CompleteSocketsInline();
        using var bound = new StopBound();
        await using var journal = JournalComposition.Add(builder.Services, builder.Configuration, ServerRole.Alone);
        await using var app = Compose(builder, settings);
        app.CheckSettings();
        app.BeginMetrics();
        bound.Watch(app);
        await journal.OpenAsync(JournalOwner.Alone, app.Services, cancellationToken);
        app.Services.FollowUsage();
        app.MapEvergrain().MapUsage();
        await app.StartAsync(cancellationToken);
        await Greeting.WriteAsync(app, journal.Place);
        await app.ServeAsync(journal, cancellationToken);
    }

    /// <summary>
    /// Lets the threads that poll the sockets run what a socket's bytes ask for, up to the first wait: so a health
    /// check, a ping or a cancel does not stand in the thread pool's line behind thousands of turns. With 5,000 turns
    /// begun at once the median answer of /health/ready took 5 ms and the slowest 500 without, 0.5 and 180 with. Not in
    /// a cluster: there something held such a thread now and then, and with it every socket that it polls.
    /// </summary>
    /// <remarks>The runtime reads the variable with the process's first socket; a value that is set already
    /// stays.</remarks>
    private static void CompleteSocketsInline()
    {
        const string variable = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";
        if (Environment.GetEnvironmentVariable(variable) is null)
        {
            Environment.SetEnvironmentVariable(variable, "1");
        }
    }

    private static WebApplication Compose(WebApplicationBuilder builder, CommandLineSettings settings)
    {
        var (services, configuration) = (builder.Services, builder.Configuration);
        // What is registered later stops before: requests, then conversations, then the report of what they used.
        services.AddUsage();
        services.AddInProcessConversations(
            services.AddSettings<InProcessOptions>(configuration, EvergrainOptions.Section));
        services.AddEvergrainFrontend(configuration);
        services.AddRecognition(configuration, isHost: true);
        services.AddLifetimes(configuration, isHost: true);
        services.AddModels(configuration, settings.Models);
        services.UseApiKeys(settings.ApiKeys);
        return builder.Build();
    }
}
