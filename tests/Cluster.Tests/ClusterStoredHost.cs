using System.Diagnostics.Metrics;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Providers.Checks;
using Evergrain.Providers.Sqlite;
using Evergrain.Suites.Hosting;
using Evergrain.Suites.Hosts;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Evergrain.Cluster.Tests;

/// <summary>
/// Silos that share a SQLite file, since they share a process. Another host on the same directory finds no activation
/// and reads the file.
/// </summary>
internal sealed class ClusterStoredHost : StoredHost
{
    private readonly TestWorld _world;
    private readonly ServiceProvider _checks;
    private readonly ClusterHost _cluster;

    private ClusterStoredHost(TestWorld world, ServiceProvider checks, ClusterHost cluster) =>
        (_world, _checks, _cluster) = (world, checks, cluster);

    public override ITurns Turns => _cluster.Turns;

    public override IConversations Conversations => _cluster.Conversations;

    public override GatedModel Model => _world.Model;

    public override LogText Log => _world.Text;

    public override IMeterFactory Meters => _cluster.Silos.Meters;

    public static async Task<ClusterStoredHost> StartAsync(string directory, TimeProvider time,
        (string Option, string? Value)[] settings)
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
        return new ClusterStoredHost(world, checks, await ClusterHost.StartAsync(world));
    }

    public override Task PassivateAsync() => _cluster.PassivateAsync();

    public override async ValueTask DisposeAsync()
    {
        await _cluster.Silos.DeactivateAllAsync();
        await _cluster.DisposeAsync();
        await _checks.DisposeAsync();
        await _world.Journal.DisposeAsync();
        await base.DisposeAsync();
    }

    protected override async Task<int> CountAppendsAsync(ConversationKey key) =>
        (await _cluster.ReadJournalAsync(key)).Count;
}
