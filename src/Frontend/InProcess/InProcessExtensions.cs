using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Lifetimes;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Recognition;
using Evergrain.Conversations.Routing;
using Evergrain.Frontend.Turns;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Evergrain.Frontend.InProcess;

/// <summary>Registers the in-process host.</summary>
public static class InProcessExtensions
{
    /// <summary>
    /// Adds <see cref="ITurns"/> and <see cref="IConversations"/> of conversations in this process. Needs an
    /// <see cref="IJournal"/>, the <see cref="IModelBackend"/>s, an <see cref="IIdSource"/> and a
    /// <see cref="TimeProvider"/>; an <see cref="IInputCheck"/> looks at new input if there is one.
    /// </summary>
    public static IServiceCollection AddInProcessConversations(
        this IServiceCollection services, InProcessOptions options)
    {
        OptionRules.Check(options);
        services.TryAddSingleton<TenantUsage>();
        services.AddSingleton<ConversationInstruments>();
        services.TryAddSingleton<JournalReturns>();
        services.AddSingleton(provider => CreateHost(provider, options));
        services.AddSingleton(CreateRouter);
        services.AddSingleton<IConversations>(
            static provider => provider.GetRequiredService<ConversationRouter>());
        services.AddSingleton(CreateTurns);
        services.AddSingleton(
            static provider => new WarmCalls(provider.GetRequiredService<InProcessConversations>().FindWarm));
        services.AddHostedService<InProcessStop>();
        services.PostConfigure<HostOptions>(host => host.ShutdownTimeout += options.StopGrace + options.CallEndTime);
        return services;
    }

    private static InProcessConversations CreateHost(IServiceProvider provider, InProcessOptions options)
    {
        var logger = provider.GetRequiredService<ILogger<InProcessConversations>>();
        var store = provider.GetRequiredService<IJournal>();
        var services = new ActivationServices(
            new ModelCatalog([.. provider.GetServices<IModelBackend>()]),
            provider.GetRequiredService<IIdSource>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ConversationInstruments>())
        {
            Rules = new ConversationRules(() => store.Format, provider.GetService<RecognitionIndex>())
            {
                Lifetimes = provider.GetService<ResponseLifetimes>(),
            },
        };
        var journal = new ActivationJournal(store, services, logger)
        {
            Histories = provider.GetService<IHistoryStore>(),
        };

        // A client in this process waits for its check as long as the check takes.
        var checks = provider.GetService<IInputCheck>() is { } check
            ? new InputChecks(check, Timeout.InfiniteTimeSpan, services, logger)
            : null;
        return new InProcessConversations(
            new HostContext(services, journal, options.ModelCallTime, logger), checks, options,
            provider.GetRequiredService<JournalReturns>());
    }

    private static ITurns CreateTurns(IServiceProvider provider)
    {
        var router = provider.GetRequiredService<ConversationRouter>();
        var host = provider.GetRequiredService<InProcessConversations>();
        return provider.GetService<RecognitionIndex>() is { } known
            ? new RecognisingTurns(router, host.Find, host.FindWarm, known)
            : router;
    }

    private static ConversationRouter CreateRouter(IServiceProvider provider)
    {
        var host = provider.GetRequiredService<InProcessConversations>();
        var roster = provider.GetRequiredService<ConversationInstruments>().Roster;
        return new ConversationRouter(
            host.Find,
            host.FindWarm,
            provider.GetRequiredService<IJournal>(),
            provider.GetRequiredService<IIdSource>(),
            new RetryBounds(provider.GetRequiredService<TimeProvider>(), RetryTime, static _ => false))
        {
            Roster = (query, _) => ValueTask.FromResult(new RosterAnswer([.. roster.Find(query)], IsComplete: true)),
        };
    }

    // An activation that ended is replaced within milliseconds. Longer than this its journal is broken.
    private static readonly TimeSpan RetryTime = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Ends the conversations while everything that they need is still there, and while the server listens: turns that
    /// run have until the deadline, and clients hear how they ended.
    /// </summary>
    private sealed class InProcessStop(InProcessConversations conversations, ServerDrain? drain = null)
        : IHostedLifecycleService
    {
        public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public async Task StoppingAsync(CancellationToken cancellationToken)
        {
            if (drain is not null)
            {
                using var over = CancellationTokenSource.CreateLinkedTokenSource(drain.Deadline, cancellationToken);
                await conversations.RestAsync(over.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            await conversations.DisposeAsync();
        }

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
