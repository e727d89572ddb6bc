using Evergrain.Conversations.Ports;
using Evergrain.Frontend;
using Evergrain.Frontend.Hosting;
using Evergrain.Frontend.Http;
using Evergrain.Grains;
using Evergrain.Providers.Checks;
using Evergrain.Silo.Membership;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans.Runtime;

namespace Evergrain.Silo;

/// <summary>One process of a cluster: a silo that holds conversations, a frontend that takes requests, or both.</summary>
internal static class SiloServer
{
    /// <summary>Serves until the process is told to stop. A wrong setting is one sentence on stderr.</summary>
    /// <returns>The exit code: 0, or 1 if it could not start.</returns>
    public static Task<int> RunAsync(CommandLineSettings settings, CancellationToken cancellationToken) =>
        StartFailure.ReportAsync(() => ServeAsync(settings, cancellationToken),
            static e => e is OrleansException or NoSiloException);

    private static async Task ServeAsync(CommandLineSettings settings, CancellationToken cancellationToken)
    {
        var builder = ServerBuilder.Create(settings);
        var place = ClusterSettings.Read(builder.Configuration);
        var composition = JournalComposition.Read(builder.Configuration);
        if (composition.Url is not { } url)
        {
            throw new InvalidDataException("The processes of a cluster share a journal in PostgreSQL: give " +
                "--journal-url, or Evergrain__JournalUrl in the environment. One server with a file is ./run.");
        }

        if (place.IsSilo && builder.Configuration.GetSection(InputCheckOptions.Section).Exists())
        {
            throw new InvalidDataException("A silo runs no check on new input yet: leave section InputCheck out.");
        }

        if (place.IsSilo)
        {
            PortCheck.Run(place.Address, [place.SiloPort, place.GatewayPort]);
        }

        var membership = Memberships.Create(place, url, composition.Schema);
        await using var journal = await composition.OpenAsync(cancellationToken);
        await membership.PrepareAsync(cancellationToken);
        builder.Services.AddSingleton(journal);
        builder.Services.AddModels(builder.Configuration, settings.Models);
        await using var app = Compose(builder, settings, place, membership);
        if (await StartAsync(app, cancellationToken))
        {
            await GreetAsync(app, place, composition.Place(journal));
        }

        await app.WaitForShutdownAsync(cancellationToken);
    }

    private static WebApplication Compose(WebApplicationBuilder builder, CommandLineSettings settings,
        ClusterSettings place, IMembership membership)
    {
        var bounds = builder.Configuration.GetSection(ClusterSettings.Section).Get<ConversationClusterOptions>() ??
            new ConversationClusterOptions();
        builder.Services.AddSingleton(place);

        // Before the listener, which so is the first to stop: conversations outlive those who ask for them.
        builder.AddCluster(place, bounds, membership);
        if (place.IsFrontend)
        {
            builder.Services.AddEvergrainFrontend(builder.Configuration);
        }
        else
        {
            builder.Services.AddEvergrainProbes(builder.Configuration);
        }

        builder.Services.UseApiKeys(settings.ApiKeys);
        builder.Services.PostConfigure<HostOptions>(static host => host.ShutdownTimeout += ClusterHosting.StopTime);
        var app = builder.Build().UseStartGate();
        return place.IsFrontend ? app.MapEvergrain() : app.MapEvergrainProbes();
    }

    /// <summary>Listens, then joins; false if it was told to stop meanwhile.</summary>
    private static async Task<bool> StartAsync(WebApplication app, CancellationToken cancellationToken)
    {
        await app.StartAsync(cancellationToken);
        var stopping = app.Lifetime.ApplicationStopping;
        try
        {
            await app.Services.GetRequiredService<ClusterMember>().JoinAsync(stopping);
            return true;
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            return false;
        }
    }

    private static Task GreetAsync(WebApplication app, ClusterSettings place, string journal)
    {
        var cluster = $"cluster {place.Id} by {place.Membership}; {journal}";
        return place.IsFrontend
            ? Greeting.WriteAsync(app, cluster)
            : Console.Out.WriteLineAsync($"Evergrain silo listens on {app.Urls.First()} for health and metrics, on " +
                $"{place.SiloAddress} with ports {place.SiloPort} and {place.GatewayPort} for its cluster; {cluster}");
    }
}
