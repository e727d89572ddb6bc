namespace Evergrain.Suites.Hosts;

/// <summary>Tests of one host and one client of it, anew for each test.</summary>
public abstract class HostContract(IContractHosts hosts) : IAsyncLifetime
{
    private ContractHost? _host;
    private ContractClient? _client;

    protected ContractHost Host => _host!;

    protected ContractClient Client => _client!;

    protected GatedModel Model => Host.Model;

    /// <summary>How the host is started.</summary>
    protected virtual HostSetup Setup { get; } = new();

    public async Task InitializeAsync()
    {
        _host = await hosts.StartAsync(Setup);
        _client = new ContractClient(_host, "default", lease: 1);
    }

    public async Task DisposeAsync() => await Host.DisposeAsync();
}
