using System.Collections.Concurrent;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Microsoft.Extensions.Hosting;

namespace Evergrain.Frontend.Turns;

/// <summary>
/// Owns the runs of turns whose client has its answer already. When the server stops they have as long as any other.
/// </summary>
/// <remarks>A run takes no events. It lasts as long as its turn, which so counts as running here.</remarks>
internal sealed class BackgroundTurns(TurnServices services, TurnRunner runner, EventPump pump, ServerDrain drain)
    : IHostedService
{
    private readonly ConcurrentDictionary<Task, bool> _running = new();

    /// <summary>Starts a turn that runs on by itself; ends when it has an id.</summary>
    /// <exception cref="ConversationException">The create is refused.</exception>
    public Task<ResponseId> StartAsync(ReceivedCreate create, UnstoredLeases leases)
    {
        var delivery = new SilentDelivery();

        // StopAsync waits for it.
        _ = RunAsync(create, leases, delivery);
        return delivery.Response;
    }

    /// <summary>
    /// Starts a turn that runs on by itself and delivers its events: a reader that leaves takes no place along.
    /// </summary>
    /// <exception cref="ConversationException">The create is refused, or its events cannot go on.</exception>
    /// <exception cref="ClientGoneException">The client can take no more.</exception>
    public async Task DeliverAsync(ReceivedCreate create, UnstoredLeases leases, ITurnDelivery delivery,
        CancellationToken cancellationToken)
    {
        var turn = new TurnAddress(leases.Tenant, await StartAsync(create, leases));
        await pump.RunAsync(turn, delivery, meter: null, cancellationToken);
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    // It ends in time: the runs are left when the drain is over.
    public Task StopAsync(CancellationToken cancellationToken) => Task.WhenAll(_running.Keys);

    private async Task RunAsync(ReceivedCreate create, UnstoredLeases leases, SilentDelivery delivery)
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _running.TryAdd(ended.Task, true);
        drain.Enter();
        try
        {
            await runner.RunAsync(create, leases, delivery, drain.Over);
        }
        catch (Exception e)
        {
            // Once the client has its answer, nobody is left to be told what a read of the response does not say.
            if (!delivery.Fail(e) && e is not (ConversationException or OperationCanceledException))
            {
                services.Instruments.Faults.Mask(e);
            }
        }
        finally
        {
            _running.TryRemove(ended.Task, out _);
            drain.Leave();
            ended.SetResult();
        }
    }
}
