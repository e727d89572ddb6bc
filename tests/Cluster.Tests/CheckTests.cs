using System.Collections.Concurrent;
using System.Text;
using Evergrain.Conversations.Ports;
using Evergrain.Grains;
using Evergrain.Suites.Hosts;

namespace Evergrain.Cluster.Tests;

/// <summary>A check that takes longer than a call may.</summary>
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

    /// <summary>Takes its time over <c>slow</c>.</summary>
    private sealed class GatedCheck : IInputCheck
    {
        private readonly ConcurrentQueue<string> _seen = new();

        public TaskCompletionSource Gate { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

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

            return null;
        }
    }
}
