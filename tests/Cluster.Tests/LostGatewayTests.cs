using Evergrain.Grains;
using Evergrain.Suites.Hosts;

namespace Evergrain.Cluster.Tests;

/// <summary>A client of the cluster loses a connection to a silo, and with it the answers that were to come.</summary>
public sealed class LostGatewayTests : IAsyncLifetime
{
    // Whoever waits for a call to time out waits longer than these tests.
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan AtOnce = 0.8 * Timeout;

    private ClusterHost _host = null!;
    private ContractClient _client = null!;

    public async Task InitializeAsync()
    {
        _host = await ClusterHost.StartAloneAsync(new TestWorld(),
            options: new() { CallTimeout = Timeout, RetryTime = Timeout });
        _client = new ContractClient(_host, "default", lease: 1);
    }

    public async Task DisposeAsync() => await _host.DisposeAsync();

    [Fact]
    public async Task Start_WhoseAnswerIsLost_IsAskedForAgainAtOnce()
    {
        var root = await _client.TellAsync("root");
        var (arrived, gate) = _host.Silos.Answers.Hold();
        var starting = _client.SayAsync("hello", root, "echo");
        await arrived.WaitAsync(AtOnce);
        _host.Silos.Answers.Pass();

        _host.Silos.LoseGateway();

        Assert.Equal(2, (await starting.WaitAsync(AtOnce)).Turn.Number);
        gate.SetResult();
    }

    [Fact]
    public async Task Reader_OfASilentModel_OutlastsMoreThanOneLoss()
    {
        // The losses lie further apart than the router asks again: the model says nothing, and the grain answers all
        // the same. A busy machine has seconds for each call.
        var apart = TimeSpan.FromSeconds(17);
        var bounds = new ConversationClusterOptions
        {
            CallTimeout = TimeSpan.FromSeconds(3),
            RetryTime = TimeSpan.FromSeconds(15),
        };
        await using var host = await ClusterHost.StartAloneAsync(new TestWorld(), options: bounds);
        var client = new ContractClient(host, "default", lease: 1);
        var id = await client.SayAsync("hello");
        var reading = client.ReadAsync(id);
        var call = await host.Model.CallAsync("hello");
        for (var loss = 0; loss < 2; loss++)
        {
            await Task.Delay(apart, TimeProvider.System);
            host.Silos.LoseGateway();
        }

        await Task.Delay(bounds.CallTimeout, TimeProvider.System);
        await call.AnswerAsync();

        Assert.Equal(await client.ReadAsync(id), await reading.WaitAsync(AtOnce));
    }

    [Fact]
    public async Task Reader_WhoseAnswerIsLost_ReadsOnAtOnce()
    {
        var id = await _client.SayAsync("hello");
        await using var reader = _client.Open(id);
        var seen = await reader.ReadUntilAsync("response.in_progress");
        var (arrived, gate) = _host.Silos.Answers.Hold();
        var rest = reader.ReadToEndAsync();
        await (await _host.Model.CallAsync("hello")).AnswerAsync();
        await arrived.WaitAsync(AtOnce);
        _host.Silos.Answers.Pass();

        _host.Silos.LoseGateway();

        seen.AddRange(await rest.WaitAsync(AtOnce));
        gate.SetResult();
        Assert.Equal(await _client.ReadAsync(id), seen);
    }
}
