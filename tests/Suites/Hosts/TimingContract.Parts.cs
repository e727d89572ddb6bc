using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Suites.Hosting;

namespace Evergrain.Suites.Hosts;

/// <content>The parts that wait where a test says so.</content>
public abstract partial class TimingContract
{
    /// <summary>A server disposes its host; this one is the contract's.</summary>
    private sealed class Kept(ContractHost host, ITurns turns) : ConversationsHost
    {
        public override ITurns Turns => turns;

        public override IConversations Conversations => host.Conversations;

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

    /// <summary>Turns whose start takes as long as the test says.</summary>
    private sealed class FarTurns(ITurns inner) : ITurns
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

        public ValueTask DeleteAsync(TurnAddress turn, CancellationToken cancellationToken) =>
            inner.DeleteAsync(turn, cancellationToken);
    }
}
