using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Timing;

namespace Evergrain.Frontend.Turns;

/// <summary>Delivers nothing: for those who want the response when it has ended, or only its id.</summary>
internal sealed class SilentDelivery : ITurnDelivery
{
    private readonly TaskCompletionSource<ResponseId> _response =
        new(TaskCreationOptions.RunContinuationsAsynchronously);

    public int From => int.MaxValue;

    public bool WantsKeepalive => false;

    /// <summary>The response, once the turn has started; or why it has not.</summary>
    public Task<ResponseId> Response => _response.Task;

    /// <summary>Where the turn's time went, once it has ended.</summary>
    public TurnTiming? Timing { get; private set; }

    public bool Started(ResponseId response, TurnMeter meter)
    {
        _response.TrySetResult(response);
        return false;
    }

    /// <summary>Tells who waits for the response why there is none; false: there is one.</summary>
    public bool Fail(Exception reason) => _response.TrySetException(reason);

    // An interrupted turn gives its terminal event whatever the number asked for.
    public ValueTask SendAsync(EventBatch batch, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public ValueTask EndedAsync(ResponseId response, TurnTiming timing, CancellationToken cancellationToken)
    {
        Timing = timing;
        return ValueTask.CompletedTask;
    }

    public ValueTask KeepAliveAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;
}
