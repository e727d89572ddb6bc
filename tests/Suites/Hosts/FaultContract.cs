using Evergrain.Conversations.Ports;

namespace Evergrain.Suites.Hosts;

/// <summary>Models and faults of ours: no caller hangs, and the conversation goes on.</summary>
public abstract class FaultContract(IContractHosts hosts) : HostContract(hosts)
{
    private const int ActivationFailed = 104, CallLeft = 105, CallFailed = 111;

    // Every host's default.
    private static readonly TimeSpan CallEndTime = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task Model_Throws_FailsTheTurnAndIsLogged()
    {
        Host.Log.Expect(CallFailed);
        var id = await Client.SayAsync("hello");
        var call = await Model.CallAsync("hello");
        await call.SayAsync(Speech.Message("half")[..3]);
        call.End(new InvalidOperationException("secret words of the model server"));
        var terminal = (await Client.ReadAsync(id))[^1];
        Assert.Equal("response.failed", ContractClient.TypeOf(terminal));
        Assert.DoesNotContain("secret", terminal, StringComparison.Ordinal);
        Assert.Contains(CallFailed, Host.Log.Events);
        await Client.TellAsync("go on", id);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Render_Throws_CallerIsToldAndTheConversationGoesOn(bool store)
    {
        Host.Log.Expect(ActivationFailed);
        var root = await Client.TellAsync("root");
        var running = await Client.SayAsync("running", root);
        await Model.CallAsync("running");
        Model.OnRender = _ => throw new InvalidOperationException("a fault in the backend");
        var refusal = await ContractClient.RefusedAsync(() => Client.SayAsync("poison", root, store: store));
        Assert.Equal(RefusalKind.Internal, refusal.Kind);
        Assert.Equal([ActivationFailed], Host.Log.Events);
        Model.OnRender = null;
        Assert.Equal("response.failed", ContractClient.TypeOf((await Client.ReadAsync(running))[^1]));
        await Client.TellAsync("go on", root);
        Assert.Equal(1, Host.Counts.Warm);
    }

    [Fact]
    public async Task Restart_ModelHangs_IsLeftAloneAfterAWhile()
    {
        Host.Log.Expect(CallLeft);
        var id = await Client.SayAsync("hello");
        var call = await Model.CallAsync("hello");
        call.IgnoresCancel = true;
        var restarting = Host.RestartAsync();
        while (!restarting.IsCompleted)
        {
            // A host waits more than once where its conversation moves as it stops.
            Host.Advance(CallEndTime);
            await Task.WhenAny(restarting, Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System));
        }

        await restarting;
        Assert.Contains(CallLeft, Host.Log.Events);
        Assert.Equal("response.failed", ContractClient.TypeOf((await Client.ReadAsync(id))[^1]));
        call.End();
    }
}
