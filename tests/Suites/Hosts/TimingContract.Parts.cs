using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Suites.Hosting;

namespace Evergrain.Suites.Hosts;

/// <content>The parts that wait where a test says so.</content>
public abstract partial class TimingContract
{
    /// <summary>A server disposes its host; this one is the contract's.</summary>
    private sealed class Kept(ContractHost host, IConversations conversations) : ConversationsHost
    {
        public override IConversations Conversations => conversations;

        public override IReadOnlyList<IModelBackend> Backends => host.Backends;

        public override TimeProvider Clock => host.Time;
    }

    /// <summary>A check that waits where the test says so.</summary>
    private sealed class WaitingCheck : IInputCheck
    {
        private readonly TaskCompletionSource _arrived = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private TaskCompletionSource? _gate;

        public TaskCompletionSource Hold() =>
            _gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task ArrivedAsync() => _arrived.Task.WaitAsync(Waits.Patience);

        public async ValueTask<Refusal?> CheckAsync(NewInput input, CancellationToken cancellationToken)
        {
            if (_gate is { } gate)
            {
                _arrived.TrySetResult();
                await gate.Task.WaitAsync(cancellationToken);
            }

            return null;
        }
    }

    /// <summary>Conversations to which a start takes as long as the test says.</summary>
    private sealed class FarConversations(IConversations inner) : IConversations
    {
        public TaskCompletionSource Asked { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Gate { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public async ValueTask<ResponseId> StartTurnAsync(StartTurn start, CancellationToken cancellationToken)
        {
            Asked.TrySetResult();
            await Gate.Task.WaitAsync(cancellationToken);
            return await inner.StartTurnAsync(start, cancellationToken);
        }

        public IAsyncEnumerable<EventBatch> ReadEventsAsync(TurnAddress turn, int from,
            CancellationToken cancellationToken) => inner.ReadEventsAsync(turn, from, cancellationToken);

        public ValueTask CancelAsync(TurnAddress turn, CancellationToken cancellationToken) =>
            inner.CancelAsync(turn, cancellationToken);

        public ValueTask<ReadOnlyMemory<byte>> GetAsync(TurnAddress turn, CancellationToken cancellationToken) =>
            inner.GetAsync(turn, cancellationToken);

        public ValueTask<ReadOnlyMemory<byte>> GetOutputItemAsync(TurnAddress turn, int index,
            CancellationToken cancellationToken) => inner.GetOutputItemAsync(turn, index, cancellationToken);

        public ValueTask<ReadOnlyMemory<byte>> ListInputItemsAsync(TurnAddress turn, ItemPage page,
            CancellationToken cancellationToken) => inner.ListInputItemsAsync(turn, page, cancellationToken);

        public ValueTask<ReadOnlyMemory<byte>> ListTurnsAsync(ConversationKey key, int after, int limit,
            CancellationToken cancellationToken) => inner.ListTurnsAsync(key, after, limit, cancellationToken);

        public ValueTask<ReadOnlyMemory<byte>> ListLiveAsync(ConversationKey key, long since,
            CancellationToken cancellationToken) => inner.ListLiveAsync(key, since, cancellationToken);

        public ValueTask<ReadOnlyMemory<byte>> GetContextAsync(ConversationKey key, TurnId turn, int rendered,
            CancellationToken cancellationToken) => inner.GetContextAsync(key, turn, rendered, cancellationToken);

        public ValueTask<ConversationPage> FindAsync(ConversationQuery query, CancellationToken cancellationToken) =>
            inner.FindAsync(query, cancellationToken);

        public ValueTask<Verification> VerifyAsync(ConversationKey key, CancellationToken cancellationToken) =>
            inner.VerifyAsync(key, cancellationToken);

        public ValueTask DeleteAsync(TurnAddress turn, CancellationToken cancellationToken) =>
            inner.DeleteAsync(turn, cancellationToken);

        public ValueTask EraseAsync(ConversationKey key, CancellationToken cancellationToken) =>
            inner.EraseAsync(key, cancellationToken);

        public ValueTask HoldAsync(ConversationKey key, LeaseId lease, CancellationToken cancellationToken) =>
            inner.HoldAsync(key, lease, cancellationToken);

        public ValueTask ReleaseAsync(ConversationKey key, LeaseId lease, CancellationToken cancellationToken) =>
            inner.ReleaseAsync(key, lease, cancellationToken);

        public ValueTask<IReadOnlyList<ConversationId>> ListAsync(string tenant, ConversationId? after, int limit,
            CancellationToken cancellationToken) => inner.ListAsync(tenant, after, limit, cancellationToken);
    }
}
