using System.Diagnostics.Metrics;
using Evergrain.Cluster.Tests;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Checks;
using Evergrain.Frontend.Tests.Hosts;
using Evergrain.Providers.Sqlite;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Evergrain.Frontend.Tests.Hosting;

/// <summary>
/// What the suites call stored conversations, here: silos that share a SQLite file, since they share a process, and the
/// check that the settings describe. Another host on the same directory finds no activation and reads the file.
/// </summary>
internal sealed class StoredHost : ConversationsHost
{
    private readonly TestWorld _world;
    private readonly ServiceProvider _checks;
    private readonly ClusterHost _cluster;

    private StoredHost(TestWorld world, ServiceProvider checks, ClusterHost cluster) =>
        (_world, _checks, _cluster) = (world, checks, cluster);

    public override IConversations Conversations => _cluster.Conversations;

    public override IReadOnlyList<IModelBackend> Backends => [Model];

    public GatedModel Model => _world.Model;

    public LogText Log => _world.Text;

    public IMeterFactory Meters => _cluster.Silos.Meters;

    public static Task<StoredHost> StartAsync(string directory, params (string Option, string? Value)[] settings) =>
        StartAsync(directory, TimeProvider.System, settings);

    public static async Task<StoredHost> StartAsync(string directory, TimeProvider time,
        params (string Option, string? Value)[] settings)
    {
        var journal = await SqliteJournal.OpenAsync(
            new SqliteJournalOptions { Directory = directory }, CancellationToken.None);
        var world = new TestWorld { Journal = journal, Clock = TimeProvider.System };
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(settings.Select(static setting =>
            KeyValuePair.Create($"Evergrain:{setting.Option}", setting.Value))).Build();
        var checks = new ServiceCollection()
            .AddLogging(logging => logging.AddProvider(world.Text))
            .AddMetrics()
            .AddOptions()
            .AddSingleton(time)
            .AddInputCheck(configuration)
            .BuildServiceProvider();
        world.Check = checks.GetService<IInputCheck>();
        return new StoredHost(world, checks, await ClusterHost.StartAsync(world));
    }

    /// <summary>What is idle leaves memory.</summary>
    public Task PassivateAsync() => _cluster.PassivateAsync();

    /// <summary>How many appends the journal holds of a response's conversation.</summary>
    public async Task<int> CountAppendsAsync(string response, string tenant = "default")
    {
        Assert.True(ResponseId.TryParse(response, out var id));
        return (await _cluster.ReadJournalAsync(new ConversationKey(tenant, id.Conversation))).Count;
    }

    public override async ValueTask DisposeAsync()
    {
        await _cluster.Silos.DeactivateAllAsync();
        await _cluster.DisposeAsync();
        await _checks.DisposeAsync();
        await _world.Journal.DisposeAsync();
        await base.DisposeAsync();
    }
}
