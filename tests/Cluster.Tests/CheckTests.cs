using System.Collections.Concurrent;
using System.Text;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Tests.Hosts;
using Evergrain.Grains;

namespace Evergrain.Cluster.Tests;

/// <summary>The check on new input, in the silo where the conversation is.</summary>
public sealed class CheckTests : IAsyncLifetime
{
    private readonly GatedCheck _check = new();
    private ClusterHost _host = null!;
    private ContractClient _client = null!;

    public async Task InitializeAsync()
    {
        _host = await ClusterHost.StartAloneAsync(new TestWorld { Check = _check });
        _client = new ContractClient(_host, "default", lease: 1);
    }

    public async Task DisposeAsync() => await _host.DisposeAsync();

    [Fact]
    public async Task Check_ThatRefuses_IsToldAndNothingIsWritten()
    {
        var root = await _client.TellAsync("root");
        var before = (await _host.ReadJournalAsync(_client.Key(root.Conversation))).Count;

        var refusal = await ContractClient.RefusedAsync(() => _client.SayAsync("refused", root));

        Assert.Equal("not this", refusal.Message);
        Assert.Equal(before, (await _host.ReadJournalAsync(_client.Key(root.Conversation))).Count);
        await _client.TellAsync("next", root);
        Assert.Equal(["root", "refused", "next"], _check.Seen);
    }

    [Fact]
    public async Task Check_SlowerThanACall_IsMadeOnceAndHoldsUpNoOtherTurn()
    {
        var wait = new ConversationClusterOptions().CallTimeout / 2;
        var root = await _client.TellAsync("root");
        var waits = _host.World.Time.ArmedAsync(wait);
        var slow = ContractClient.Json("\"slow\"", root, "echo");
        var starting = _client.CreateAsync(slow, root.Conversation, request: 7);
        await waits;

        await _client.TellAsync("fast", root);
        waits = _host.World.Time.ArmedAsync(wait);
        _host.Advance(wait);
        await waits;
        _check.Gate.SetResult();
        var id = await starting;

        Assert.Equal(id, await _client.CreateAsync(slow, root.Conversation, request: 7));
        Assert.Equal("response.completed", ContractClient.TypeOf((await _client.ReadAsync(id))[^1]));
        Assert.Equal(1, _check.Seen.Count(static text => text == "slow"));
    }

    [Fact]
    public async Task Check_ThatCouldNotBeMade_IsMadeAgain()
    {
        var root = await _client.TellAsync("root");
        var away = ContractClient.Json("\"away\"", root, "echo");
        var refusal = await ContractClient.RefusedAsync(
            () => _client.CreateAsync(away, root.Conversation, request: 7));
        Assert.Equal(RefusalKind.Unavailable, refusal.Kind);

        _check.IsAway = false;
        await _client.CreateAsync(away, root.Conversation, request: 7);

        Assert.Equal(["root", "away", "away"], _check.Seen);
    }

    /// <summary>Refuses <c>refused</c>, and takes its time over <c>slow</c>.</summary>
    private sealed class GatedCheck : IInputCheck
    {
        private readonly ConcurrentQueue<string> _seen = new();

        public TaskCompletionSource Gate { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public bool IsAway { get; set; } = true;

        public IReadOnlyCollection<string> Seen => _seen;

        public async ValueTask<Refusal?> CheckAsync(NewInput input, CancellationToken cancellationToken)
        {
            var json = Encoding.UTF8.GetString(input.Items[0].Span);
            var text = ContractClient.Parse(json).GetProperty("content").GetString()!;
            _seen.Enqueue(text);
            if (text == "slow")
            {
                await Gate.Task.WaitAsync(cancellationToken);
            }

            return text switch
            {
                "refused" => new Refusal(RefusalKind.InputRefused, "not this"),
                "away" when IsAway => new Refusal(RefusalKind.Unavailable, "not now"),
                _ => null,
            };
        }
    }
}
