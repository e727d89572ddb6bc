using System.Diagnostics.Metrics;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.InProcess;
using Evergrain.Providers.Checks;
using Evergrain.Providers.Demo;
using Evergrain.Providers.Sqlite;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Hosts;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Evergrain.Frontend.Tests.Hosts;

/// <summary>Conversations in this process over a SQLite file.</summary>
internal sealed class InProcessStoredHost : StoredHost
{
    private readonly ServiceProvider _services;
    private readonly IJournal _journal;

    private InProcessStoredHost(IJournal journal, TimeProvider time, (string Option, string? Value)[] settings)
    {
        _journal = journal;
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(settings.Select(static setting =>
            KeyValuePair.Create($"Evergrain:{setting.Option}", setting.Value))).Build();
        _services = new ServiceCollection()
            .AddLogging(logging => logging.AddProvider(Log))
            .AddMetrics()
            .AddOptions()
            .AddSingleton(time)
            .AddSingleton<IIdSource, RandomIdSource>()
            .AddSingleton(journal)
            .AddSingleton<IModelBackend>(Model)
            .AddSingleton<IModelBackend>(new DemoBackend(["demo"], TimeProvider.System))
            .AddInProcessConversations(new InProcessOptions())
            .AddInputCheck(configuration)
            .BuildServiceProvider();
    }

    public override ITurns Turns => _services.GetRequiredService<ITurns>();

    public override IConversations Conversations => _services.GetRequiredService<IConversations>();

    public override GatedModel Model { get; } = new();

    public override LogText Log { get; } = new();

    public override IMeterFactory Meters => _services.GetRequiredService<IMeterFactory>();

    public static async Task<InProcessStoredHost> StartAsync(string directory, TimeProvider time,
        (string Option, string? Value)[] settings) => new(await SqliteJournal.OpenAsync(
            new SqliteJournalOptions { Directory = directory }, CancellationToken.None), time, settings);

    public override Task PassivateAsync() =>
        _services.GetRequiredService<InProcessConversations>().PassivateIdleAsync();

    public override async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        await _journal.DisposeAsync();
        await base.DisposeAsync();
    }

    protected override async Task<int> CountAppendsAsync(ConversationKey key) =>
        await _journal.ReadAsync(key, JournalEnd.None, CancellationToken.None).CountAsync();
}
