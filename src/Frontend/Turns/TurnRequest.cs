namespace Evergrain.Frontend.Turns;

/// <summary>A create that is to be run, by whichever transport it came.</summary>
internal sealed class TurnRequest
{
    public required string Tenant { get; init; }

    /// <summary>Its routing fields.</summary>
    public required CreateSkim Skim { get; init; }

    /// <summary>Its bytes. They go back to the pool as soon as the turn has started.</summary>
    public required RentedBuffer Body { get; init; }

    /// <summary>Who holds the turn if it is not stored: a connection, or one HTTP request.</summary>
    public required UnstoredLeases Leases { get; init; }

    /// <summary>When it was whole, as a timestamp: what comes before its start counts as waiting.</summary>
    public required long ReceivedAt { get; init; }

    /// <summary>Cancels it while it waits for a place to run; what has begun is cancelled otherwise.</summary>
    public CancellationToken Cancelled { get; init; }

    /// <summary>Whether it runs on however long nobody reads it.</summary>
    public bool IsBackground { get; init; }
}
