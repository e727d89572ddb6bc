using Evergrain.Conversations.Ports;
using Evergrain.Frontend.InProcess;
using Evergrain.Providers.Azure;
using Evergrain.Providers.Demo;
using Evergrain.Suites.Hosting;
using Evergrain.Tests.Services;
using Microsoft.Extensions.DependencyInjection;

namespace Evergrain.Frontend.Tests.Hosts;

/// <summary>The suites of the wire run over conversations in this process.</summary>
/// <param name="open">Opens a journal.</param>
internal sealed class InProcessWire(Func<Task<IJournal>> open) : IWireHosts
{
    public static readonly InProcessWire Hosts = new(static () => Task.FromResult<IJournal>(new InMemoryJournal()));

    /// <summary>Over a container of its own each time.</summary>
    public static InProcessWire Azure(AzuriteServer server) => new(async () => await AzureJournal.OpenAsync(
        new AzureJournalOptions { Account = server.ConnectionString, Container = server.NewContainer() }, default));

    public async Task<ConversationsHost> StartAsync(IModelBackend? model = null, TimeProvider? demoClock = null) =>
        new RealHost(model ?? new DemoBackend(["demo"], demoClock ?? TimeProvider.System), await open());

    public async Task<StoredHost> StartStoredAsync(string directory, TimeProvider time,
        params (string Option, string? Value)[] settings) =>
        await InProcessStoredHost.StartAsync(directory, time, settings);

    private sealed class RealHost(IModelBackend model, IJournal journal) : ConversationsHost
    {
        private readonly ServiceProvider _services = new ServiceCollection()
            .AddLogging()
            .AddMetrics()
            .AddSingleton(TimeProvider.System)
            .AddSingleton<IIdSource, RandomIdSource>()
            .AddSingleton(journal)
            .AddSingleton(model)
            .AddInProcessConversations(new InProcessOptions())
            .BuildServiceProvider();

        public override ITurns Turns => _services.GetRequiredService<ITurns>();

        public override IConversations Conversations => _services.GetRequiredService<IConversations>();

        public override IReadOnlyList<IModelBackend> Backends { get; } = [model];

        public override async ValueTask DisposeAsync()
        {
            await _services.DisposeAsync();
            await journal.DisposeAsync();
            await base.DisposeAsync();
        }
    }
}
