using Evergrain.Grains;
using Evergrain.Grains.Calls;

namespace Evergrain.Cluster.Tests;

/// <summary>Holds back what conversations answer: to whoever asked, it is lost.</summary>
internal sealed class HeldAnswers : IIncomingGrainCallFilter
{
    private int _starts;
    private volatile TaskCompletionSource? _gate;
    private volatile TaskCompletionSource _arrived = New();

    /// <summary>How often a turn was to start.</summary>
    public int Starts => _starts;

    /// <summary>Holds the answers of calls that end from now on, until <see cref="Pass"/>.</summary>
    /// <returns>When one is held; and lets out what is held.</returns>
    public (Task Arrived, TaskCompletionSource Gate) Hold()
    {
        var gate = New();
        _arrived = New();
        _gate = gate;
        return (_arrived.Task, gate);
    }

    public void Pass() => _gate = null;

    public async Task Invoke(IIncomingGrainCallContext context)
    {
        if (context.InterfaceMethod.Name == nameof(IConversationGrain.StartTurn))
        {
            var request = (StartRequest)context.Request.GetArgument(0)!;
            if (request.PieceTotal > request.PieceOffset + request.Create.Length)
            {
                // A piece, which starts nothing.
                await context.Invoke();
                return;
            }

            Interlocked.Increment(ref _starts);
        }

        await context.Invoke();
        if (_gate is { } gate && context.Grain is IConversationGrain)
        {
            _arrived.TrySetResult();
            await gate.Task;
        }
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
