namespace Evergrain.Silo.Trust;

/// <summary>Where this process's certificate and the authorities come from.</summary>
internal interface ITrustSource
{
    /// <summary>Looks once.</summary>
    /// <returns>The identity; null: the one of the last call still holds.</returns>
    /// <exception cref="InvalidDataException">It cannot be used; the message says why.</exception>
    /// <exception cref="Evergrain.Conversations.Ports.JournalUnavailableException">The store cannot be.</exception>
    Task<ClusterIdentity?> ReadAsync(CancellationToken cancellationToken);
}
