using System.Diagnostics.Metrics;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Checks;
using Evergrain.Frontend.InProcess;
using Evergrain.Frontend.Tests.Hosts;
using Evergrain.Providers.Demo;
using Evergrain.Providers.Sqlite;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Evergrain.Frontend.Tests.Hosting;

/// <summary>
/// The real thing: conversations in this process over a SQLite file, with the check that the settings describe. Another host
/// on the same directory is the same server after a restart. As with <see cref="RealHost"/>, there is another over
/// Orleans.
/// </summary>
internal sealed class StoredHost : ConversationsHost
{
    private readonly ServiceProvider _services;
    private readonly IJournal _journal;
    private readonly InProcessConversations _host;

    private StoredHost(IJournal journal, TimeProvider time, (string Option, string? Value)[] settings)
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
        _host = _services.GetRequiredService<InProcessConversations>();
    }

    public override IConversations Conversations => _services.GetRequiredService<IConversations>();

    public override IReadOnlyList<IModelBackend> Backends => [Model];

    /// <summary>Models <c>echo</c> and <c>gated</c>; <c>demo</c> is there too.</summary>
    public GatedModel Model { get; } = new();

    public LogText Log { get; } = new();

    public IMeterFactory Meters => _services.GetRequiredService<IMeterFactory>();

    public static Task<StoredHost> StartAsync(string directory, params (string Option, string? Value)[] settings) =>
        StartAsync(directory, TimeProvider.System, settings);

    public static async Task<StoredHost> StartAsync(string directory, TimeProvider time,
        params (string Option, string? Value)[] settings) => new(await SqliteJournal.OpenAsync(
            new SqliteJournalOptions { Directory = directory }, CancellationToken.None), time, settings);

    /// <summary>What is idle leaves memory.</summary>
    public Task PassivateAsync() => _host.PassivateIdleAsync();

    /// <summary>How many appends the journal holds of a response's conversation.</summary>
    public async Task<int> CountAppendsAsync(string response, string tenant = "default")
    {
        Assert.True(ResponseId.TryParse(response, out var id));
        var count = 0;
        await foreach (var _ in _journal.ReadAsync(new ConversationKey(tenant, id.Conversation), JournalEnd.None,
            CancellationToken.None))
        {
            count++;
        }

        return count;
    }

    public override async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        await _journal.DisposeAsync();
        await base.DisposeAsync();
    }
}
