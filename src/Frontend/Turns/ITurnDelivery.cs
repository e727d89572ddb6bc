using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Timing;

namespace Evergrain.Frontend.Turns;

/// <summary>The client can take no more: there is nobody to tell anything.</summary>
internal sealed class ClientGoneException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>How the events of one response reach whoever asked for them. Used by one turn, a call at a time.</summary>
internal interface ITurnDelivery
{
    /// <summary>The number of the first event it takes; <see cref="int.MaxValue"/>: it waits for the end.</summary>
    int From { get; }

    /// <summary>Whether silent waits are to be broken by <see cref="KeepAliveAsync"/>.</summary>
    bool WantsKeepalive { get; }

    /// <summary>Learns which response the create has become; says whether it is to be cancelled at once.</summary>
    /// <param name="response">The response.</param>
    /// <param name="meter">Measures its turn.</param>
    bool Started(ResponseId response, TurnMeter meter);

    /// <summary>Sends a batch of events.</summary>
    /// <exception cref="ClientGoneException">They cannot be sent.</exception>
    ValueTask SendAsync(EventBatch batch, CancellationToken cancellationToken);

    /// <summary>The terminal event was handed over.</summary>
    /// <param name="response">The response.</param>
    /// <param name="timing">Where the turn's time went.</param>
    /// <param name="cancellationToken">Ends what is sent behind it.</param>
    /// <exception cref="ClientGoneException">The client can take no more.</exception>
    ValueTask EndedAsync(ResponseId response, TurnTiming timing, CancellationToken cancellationToken);

    /// <summary>Says that the turn still runs.</summary>
    /// <exception cref="ClientGoneException">It cannot be said.</exception>
    ValueTask KeepAliveAsync(CancellationToken cancellationToken);
}
