using Evergrain.Grains;
using Evergrain.Silo.Membership;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Messaging;
using Orleans.Runtime;
using Orleans.Storage;

namespace Evergrain.Cluster.Tests.Programs;

/// <summary>Orleans' own membership table, list of gateways and storage, over a store; no silo runs.</summary>
internal sealed class ClusterParts : IDisposable
{
    private readonly IHost _silo;
    private readonly IHost _client;

    private ClusterParts(IHost silo, IHost client) => (_silo, _client) = (silo, client);

    public IMembershipTable Table => _silo.Services.GetRequiredService<IMembershipTable>();

    public IGatewayListProvider Gateways => _client.Services.GetRequiredService<IGatewayListProvider>();

    public IGrainStorage Storage => _silo.Services.GetRequiredKeyedService<IGrainStorage>(ClusterStorage.Name);

    public static Task<ClusterParts> OpenAsync(string url, string schema, string cluster = "one") =>
        OpenAsync(new ClusterDatabase(url, schema), cluster);

    public static async Task<ClusterParts> OpenAsync(IClusterStore store, string cluster)
    {
        await store.PrepareAsync(CancellationToken.None);
        var silo = Host.CreateEmptyApplicationBuilder(null);
        silo.Logging.ClearProviders();
        silo.UseOrleans(builder =>
        {
            builder.Configure<ClusterOptions>(options => (options.ClusterId, options.ServiceId) = (cluster, cluster));
            store.AddTo(builder);
        });
        var client = Host.CreateEmptyApplicationBuilder(null);
        client.UseOrleansClient(builder =>
        {
            builder.Configure<ClusterOptions>(options => (options.ClusterId, options.ServiceId) = (cluster, cluster));
            store.AddTo(builder);
        });
        var parts = new ClusterParts(silo.Build(), client.Build());
        await parts.Table.InitializeMembershipTableAsync(true, CancellationToken.None);
        await parts.Gateways.InitializeGatewayListProviderAsync(CancellationToken.None);
        await StageRunner.StartAsync((ILifecycleParticipant<ISiloLifecycle>)parts.Storage);
        return parts;
    }

    public void Dispose()
    {
        _silo.Dispose();
        _client.Dispose();
    }

    /// <summary>Starts one part of a silo without the others.</summary>
    private sealed class StageRunner : ISiloLifecycle
    {
        private readonly List<ILifecycleObserver> _observers = [];

        public int HighestCompletedStage => int.MinValue;

        public int LowestStoppedStage => int.MaxValue;

        public static async Task StartAsync(ILifecycleParticipant<ISiloLifecycle> part)
        {
            var runner = new StageRunner();
            part.Participate(runner);
            foreach (var observer in runner._observers)
            {
                await observer.OnStart(CancellationToken.None);
            }
        }

        public IDisposable Subscribe(string observerName, int stage, ILifecycleObserver observer)
        {
            _observers.Add(observer);
            return new MemoryStream();
        }
    }
}
