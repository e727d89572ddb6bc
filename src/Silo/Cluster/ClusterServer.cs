using Evergrain.Frontend;
using Evergrain.Frontend.Settings;
using Evergrain.Grains;
using Evergrain.Providers.Journals;
using Evergrain.Silo.Composition;
using Evergrain.Silo.Membership;
using Evergrain.Silo.Trust;
using Evergrain.Silo.Usage;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans.Runtime;

namespace Evergrain.Silo.Cluster;

/// <summary>One process of a cluster: a silo with conversations, a frontend with requests, or both.</summary>
internal sealed class ClusterServer(CommandLineSettings settings, ServerRole role)
{
    /// <summary>Whether a failure of the start is said in one sentence, and not left to crash the process.</summary>
    public static bool IsExpected(Exception failure) => failure is OrleansException or NoSiloException;

    /// <summary>Serves until the process is told to stop.</summary>
    public async Task ServeAsync(WebApplicationBuilder builder, CancellationToken cancellationToken)
    {
        using var bound = new StopBound();
        await using var journal = JournalComposition.Add(builder.Services, builder.Configuration, role);
        var plan = ReadPlan(builder, journal);
        SiloPlace? place = null;
        await using var app = Compose(builder, plan, () => place!);
        app.CheckSettings();
        app.BeginMetrics();
        bound.Watch(app);
        await journal.OpenAsync(
            JournalOwner.Cluster(plan.Member.Id, plan.Member.Service), app.Services, cancellationToken);
        await plan.Store.PrepareAsync(cancellationToken);
        await app.Services.GetRequiredService<StoreClock>().CheckAsync(cancellationToken);
        await app.Services.OpenTrustAsync(cancellationToken);
        using var reserved = place = role.IsSilo()
            ? await SiloPlace.ChooseAsync(plan.Member, plan.Store, cancellationToken)
            : null;
        Map(app);
        if (await StartAsync(app, cancellationToken))
        {
            await GreetAsync(app, plan.Member, place, journal.Place);
        }

        await app.ServeAsync(journal, cancellationToken);
    }

    private MemberPlan ReadPlan(WebApplicationBuilder builder, JournalComposition journal)
    {
        var (services, configuration) = (builder.Services, builder.Configuration);
        return new MemberPlan(role,
            services.AddSettings<MemberOptions>(configuration, MemberOptions.Section),
            services.AddSettings<ConversationClusterOptions>(configuration, MemberOptions.Section),
            journal.AzureOptions is { } azure
                ? new ClusterAccount(azure)
                : new ClusterDatabase(journal.PostgresOptions?.Url ?? "", journal.PostgresOptions?.Schema ?? ""));
    }

    private WebApplication Compose(WebApplicationBuilder builder, MemberPlan plan, Func<SiloPlace> place)
    {
        // Before the listener, which so is the first to stop: conversations outlive those who ask for them.
        builder.AddCluster(plan, place);
        if (role.IsFrontend())
        {
            builder.Services.AddEvergrainFrontend(builder.Configuration);
            builder.Services.AddHostedService<RatePolling>();
        }
        else
        {
            builder.Services.AddEvergrainProbes(builder.Configuration);
        }

        builder.Services.AddRecognition(builder.Configuration, role.IsSilo());
        builder.Services.AddLifetimes(builder.Configuration, role.IsSilo());
        builder.Services.AddModels(builder.Configuration, settings.Models);
        builder.Services.UseApiKeys(settings.ApiKeys);
        if (role.IsSilo())
        {
            builder.Services.PostConfigure<HostOptions>(
                static host => host.ShutdownTimeout += ClusterHosting.StopTime);
        }

        return builder.Build();
    }

    private void Map(WebApplication app)
    {
        app.UseStartGate();
        if (role.IsFrontend())
        {
            app.MapEvergrain().MapUsage();
        }
        else
        {
            app.MapEvergrainProbes();
        }
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

    private async Task GreetAsync(WebApplication app, MemberOptions member, SiloPlace? place, string journal)
    {
        var cluster = $"cluster {member.Id}{(member.Tls ? "" : ", whose ports ask nobody for a key")}; {journal}";
        if (role.IsFrontend())
        {
            await Greeting.WriteAsync(app, cluster);
            return;
        }

        await Console.Out.WriteLineAsync($"Evergrain silo listens on {app.Urls.First()} for health and metrics, on " +
            $"{place!.Address} with ports {place.SiloPort} and {place.GatewayPort} for its cluster; {cluster}");
        await Greeting.WriteMemoryAsync(app);
    }
}
