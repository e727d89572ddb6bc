using System.Text;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Recognition;
using Evergrain.Conversations.Records;
using Evergrain.Frontend.InProcess;
using Evergrain.Suites.Hosts;

namespace Evergrain.Frontend.Tests.Hosts;

/// <summary>How the in-process host opens, stops, and lets conversations go by time.</summary>
public sealed class InProcessLifeTests : IAsyncLifetime
{
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
    public async Task StartTurn_CancelledWhileTheConversationOpens_NeverStarts()
    {
        var root = await Client.TellAsync("root");
        await Host.PassivateAsync();
        var (arrived, gate) = Host.Faults.HoldReads();
        var create = Encoding.UTF8.GetBytes(ContractClient.Json("\"cancelled\"", root));
        using var cancelling = new CancellationTokenSource();
        var cancelled = Host.Turns.StartTurnAsync(new StartTurn
        {
            Key = Client.Key(root.Conversation),
            RequestId = ContractClient.NewRequest(),
            Lease = Client.Lease,
            Create = create,
        }, cancelling.Token).AsTask();
        await arrived;

        await cancelling.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled.WaitAsync(Waits.Patience));
        create.AsSpan().Fill((byte)'!');
        gate.SetResult();

        await Client.TellAsync("next", root);
        Assert.Equal(0, Host.Model.CountCalls("cancelled"));
        var started = (await Host.ReadJournalAsync(Client.Key(root.Conversation)))
            .RecordsOf(Client.Key(root.Conversation)).Count(static record => record is TurnStarted);
        Assert.Equal(2, started);
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
        await using var reader = new EventReader(Host.Turns, Client.Address(id), 0);
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
    public async Task Dispose_TwiceAndAtOnce_IsOneEnd()
    {
        var id = await Client.SayAsync("hello");
        await Host.Model.CallAsync("hello");
        await Task.WhenAll(Host.InProcess.DisposeAsync().AsTask(), Host.InProcess.DisposeAsync().AsTask());
        await Host.InProcess.DisposeAsync();
        Assert.Equal(RefusalKind.Unavailable, (await ContractClient.RefusedAsync(() => Client.GetTextAsync(id))).Kind);
        Assert.Equal(0, Host.Counts.Warm);
    }

    // An idle conversation of another tenant says when the host has looked.
    [Fact]
    public async Task WarmTime_ShorterThanTheGrace_LeavesUnstoredContentItsTime()
    {
        var recognition = new RecognitionOptions { Recognition = "all" };
        recognition.Set("quiet", "off");
        await using var host = await InProcessHost.StartInMemoryAsync(
            new InProcessOptions { WarmTime = TimeSpan.FromMinutes(1) }, new HostSetup { Recognition = recognition });
        var chat = new ResentChat(host) { IsStored = false };
        var first = await chat.AskAsync("one");
        await new ContractClient(host, "quiet", lease: 2).TellAsync("idle");
        host.Advance(TimeSpan.FromMinutes(2));
        await host.Counts.PassivatedAsync(1);
        Assert.Equal(first.Conversation, (await chat.AskAsync("two")).Conversation);
        Assert.Equal(1, host.Counts.Passivated);
    }

    [Fact]
    public async Task WarmTime_Over_PassivatesWhatIsIdle()
    {
        var old = await Client.TellAsync("old");
        Host.Advance(Host.Options.WarmTime - TimeSpan.FromMinutes(1));
        var young = await Client.TellAsync("young");
        var running = await Client.SayAsync("running");
        var call = await Host.Model.CallAsync("running");
        await using var reader = Client.Open(running);
        await reader.NextAsync();
        Assert.Equal(0, Host.Counts.Passivated);
        Host.Advance(TimeSpan.FromMinutes(2));
        await Host.Counts.PassivatedAsync(1);
        await Client.GetAsync(young);
        Assert.Equal((3, 1), (Host.Counts.Activated, Host.Counts.Passivated));
        Host.Advance(Host.Options.WarmTime + TimeSpan.FromMinutes(1));
        await Host.Counts.PassivatedAsync(2);
        await call.AnswerAsync();
        Assert.NotEmpty(await reader.ReadToEndAsync());
        Assert.Equal(2, Host.Counts.Passivated);
        Assert.NotEmpty(await Client.ReadAsync(old));
    }
}
