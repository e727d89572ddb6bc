using Evergrain.Cluster.Tests;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Tests.Hosts;
using Evergrain.Providers.Sqlite;

namespace Evergrain.Frontend.Tests.Hosting;

/// <summary>
/// What the suites call stored conversations, here: silos that share a SQLite file, since they share a process. Another
/// host on the same directory finds no activation and reads the file.
/// </summary>
internal sealed class StoredHost : ConversationsHost
{
    private readonly TestWorld _world;
    private readonly ClusterHost _cluster;

    private StoredHost(TestWorld world, ClusterHost cluster) => (_world, _cluster) = (world, cluster);

    public override IConversations Conversations => _cluster.Conversations;

    public override IReadOnlyList<IModelBackend> Backends => [Model];

    public GatedModel Model => _world.Model;

    public static async Task<StoredHost> StartAsync(string directory)
    {
        var world = new TestWorld
        {
            Journal = await SqliteJournal.OpenAsync(
                new SqliteJournalOptions { Directory = directory }, CancellationToken.None),
            Clock = TimeProvider.System,
        };
        return new StoredHost(world, await ClusterHost.StartAsync(world));
    }

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
        await _world.Journal.DisposeAsync();
        await base.DisposeAsync();
    }
}
