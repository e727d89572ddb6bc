using System.Text;
using Evergrain.Conversations.Ports;

namespace Evergrain.Frontend.Tests.Hosts;

/// <summary>Backends and callers that misbehave: nobody hangs, and the conversation goes on.</summary>
public sealed class InProcessFaultTests : IAsyncLifetime
{
    private const int ActivationFailed = 104, CallLeft = 105, CallFailed = 111;
    private InProcessHost? _host;
    private ContractClient? _client;

    private InProcessHost Host => _host!;

    private ContractClient Client => _client!;

    public async Task InitializeAsync()
    {
        _host = await InProcessHost.StartInMemoryAsync();
        _client = new ContractClient(_host, "default", 1);
    }

    public async Task DisposeAsync() => await Host.DisposeAsync();

    [Fact]
    public async Task Model_Throws_FailsTheTurnAndIsLogged()
    {
        Host.Log.Expect(CallFailed);
        var id = await Client.SayAsync("hello");
        var call = await Host.Model.CallAsync("hello");
        await call.SayAsync(Speech.Message("half")[..3]);
        call.End(new InvalidOperationException("secret words of the model server"));
        var terminal = (await Client.ReadAsync(id))[^1];
        Assert.Equal("response.failed", ContractClient.TypeOf(terminal));
        Assert.DoesNotContain("secret", terminal, StringComparison.Ordinal);
        Assert.Contains(CallFailed, Host.Log.Events);
        await Client.TellAsync("go on", id);
    }

    [Fact]
    public async Task Render_Throws_CallerIsToldAndTheConversationGoesOn()
    {
        Host.Log.Expect(ActivationFailed);
        var root = await Client.TellAsync("root");
        var running = await Client.SayAsync("running", root);
        await Host.Model.CallAsync("running");
        Host.Model.OnRender = _ => throw new InvalidOperationException("a fault in the backend");
        var refusal = await ContractClient.RefusedAsync(() => Client.SayAsync("poison", root));
        Assert.Equal(RefusalKind.Internal, refusal.Kind);
        Host.Model.OnRender = null;
        Assert.Equal("response.failed", ContractClient.TypeOf((await Client.ReadAsync(running))[^1]));
        await Client.TellAsync("go on", root);
        Assert.Equal(1, Host.Counts.Warm);
    }

    [Fact]
    public async Task StartTurn_CancelledWhileTheConversationIsBusy_NeverStarts()
    {
        var root = await Client.TellAsync("root");
        using var rendering = new SemaphoreSlim(0);
        using var render = new SemaphoreSlim(0);
        Host.Model.OnRender = _ =>
        {
            rendering.Release();
            render.Wait(Waits.Patience);
        };
        // On a thread of its own: whoever finds the conversation at rest does its work.
        var busy = Task.Run(() => Client.SayAsync("busy", root));
        Assert.True(await rendering.WaitAsync(Waits.Patience));
        Host.Model.OnRender = null;
        var create = Encoding.UTF8.GetBytes(ContractClient.Json("\"cancelled\"", root));
        using var cancelling = new CancellationTokenSource();
        var cancelled = Host.Conversations.StartTurnAsync(new StartTurn
        {
            Key = Client.Key(root.Conversation),
            RequestId = ContractClient.NewRequest(),
            Lease = Client.Lease,
            Create = create,
        }, cancelling.Token).AsTask();
        await cancelling.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled.WaitAsync(Waits.Patience));
        create.AsSpan().Fill((byte)'!');
        render.Release();
        await (await Host.Model.CallAsync("busy")).AnswerAsync();
        await Client.ReadAsync(await busy);
        Assert.Equal(0, Host.Model.CountCalls("cancelled"));
        var refusal = await ContractClient.RefusedAsync(() => Client.GetTextAsync(
            root with { Turn = Evergrain.Conversations.Ids.TurnId.Stored(3) }));
        Assert.Equal(RefusalKind.NotFound, refusal.Kind);
    }

    [Fact]
    public async Task Dispose_ReaderWaits_SeesTheDurableEnd()
    {
        var id = await Client.SayAsync("hello");
        var call = await Host.Model.CallAsync("hello");
        await call.SayAsync([.. Speech.Message("whole"), .. Speech.Message("half")[..3]]);
        await using var reader = Client.Open(id);
        var begun = await reader.ReadUntilAsync("response.output_item.done");
        var rest = reader.ReadToEndAsync();
        await Host.RestartAsync();
        await call.Cancelled;
        List<string> seen = [.. begun, .. await rest];
        var error = ContractClient.Parse(seen[^1]).GetProperty("response").GetProperty("error");
        Assert.StartsWith("interrupted:", error.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Equal(seen, await Client.ReadAsync(id));
    }

    [Fact]
    public async Task Dispose_ReaderIsFarBehind_StillGetsEverything()
    {
        var id = await Client.SayAsync("hello");
        var call = await Host.Model.CallAsync("hello");
        await call.SayAsync(Speech.Message(new string('x', 3000)));
        await using var reader = Client.Open(id);
        await reader.NextAsync();
        await using (var other = Client.Open(id))
        {
            await other.ReadUntilAsync("response.output_item.done");
        }

        var restarting = Host.RestartAsync();
        await call.Cancelled;
        var rest = await reader.ReadToEndAsync();
        Assert.True(rest.Count > 1000);
        Assert.Equal("response.failed", ContractClient.TypeOf(rest[^1]));
        await restarting;
    }

    [Fact]
    public async Task Dispose_ReaderDoesNotRead_EndsAfterTheGrace()
    {
        var id = await Client.SayAsync("hello");
        var call = await Host.Model.CallAsync("hello");
        await call.SayAsync(Speech.Message(new string('x', 3000)));
        var host = Host.Conversations;
        await using var reader = new EventReader(host, Client.Address(id), 0);
        await reader.NextAsync();
        var armed = Host.Time.ArmedAsync(Host.Options.StopGrace);
        var restarting = Host.RestartAsync();
        await armed;
        Host.Advance(Host.Options.StopGrace);
        await restarting;
        Assert.Equal(RefusalKind.Unavailable, (await ContractClient.RefusedAsync(reader.ReadToEndAsync)).Kind);
        var refusal = await ContractClient.RefusedAsync(() => host.GetAsync(Client.Address(id), default).AsTask());
        Assert.Equal(RefusalKind.Unavailable, refusal.Kind);
        Assert.Equal("response.failed", ContractClient.TypeOf((await Client.ReadAsync(id))[^1]));
    }

    [Fact]
    public async Task Dispose_ModelHangs_IsLeftAloneAfterAWhile()
    {
        Host.Log.Expect(CallLeft);
        var id = await Client.SayAsync("hello");
        var call = await Host.Model.CallAsync("hello");
        call.IgnoresCancel = true;
        var armed = Host.Time.ArmedAsync(Host.Options.CallEndTime);
        var restarting = Host.RestartAsync();
        await armed;
        Host.Advance(Host.Options.CallEndTime);
        await restarting;
        Assert.Contains(CallLeft, Host.Log.Events);
        Assert.Equal("response.failed", ContractClient.TypeOf((await Client.ReadAsync(id))[^1]));
        call.End();
    }

    [Fact]
    public async Task Dispose_TwiceAndAtOnce_IsOneEnd()
    {
        var id = await Client.SayAsync("hello");
        await Host.Model.CallAsync("hello");
        await Task.WhenAll(Host.InProcess.DisposeAsync().AsTask(), Host.InProcess.DisposeAsync().AsTask());
        await Host.InProcess.DisposeAsync();
        Assert.Equal(RefusalKind.Unavailable, (await ContractClient.RefusedAsync(() => Client.GetTextAsync(id))).Kind);
        Assert.Equal(0, Host.Counts.Warm);
    }
}
