using System.Net;
using System.Security.Cryptography.X509Certificates;
using Evergrain.Silo.Membership;

namespace Evergrain.Silo.Trust;

/// <summary>
/// The authorities beside the journal: the first process makes one, and each process issues its own certificate.
/// </summary>
/// <remarks>
/// Every authority there is trusted. The newest that all processes know issues. The clock is read at each call
/// and no timer counts the hours, since a machine may sleep.
/// </remarks>
internal sealed class StoreTrust(IClusterStore store, string cluster, TimeProvider time) : ITrustSource
{
    // Two renewals may fail for a store that is away, and the certificate still holds.
    private static readonly TimeSpan RenewTime = ClusterAuthority.CertificateTime / 3;

    private DateTimeOffset _renewAt = DateTimeOffset.MinValue;

    /// <inheritdoc/>
    public async Task<ClusterIdentity?> ReadAsync(CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        if (now < _renewAt)
        {
            return null;
        }

        var authorities = await ReadAllAsync(cancellationToken);
        if (authorities.Count == 0 || authorities[^1].NeedsSuccessor(now))
        {
            var next = authorities.Count == 0 ? 1 : authorities[^1].Number + 1;
            await store.AddAuthorityAsync(ClusterAuthority.Create(next, now), cancellationToken);
            authorities.ForEach(static authority => authority.Dispose());
            authorities = await ReadAllAsync(cancellationToken);
        }

        try
        {
            var issuer = authorities.LastOrDefault(authority => authority.IsKnownToAll(now)) ?? authorities[0];
            var identity = new ClusterIdentity(issuer.Issue(cluster, Dns.GetHostName(), now), [],
                [.. authorities.Select(static authority => authority.ForPeers())]);
            _renewAt = now + RenewTime;
            return identity;
        }
        catch (Exception e) when (e is not InvalidDataException)
        {
            throw Unusable(e);
        }
        finally
        {
            authorities.ForEach(static authority => authority.Dispose());
        }
    }

    private async Task<List<ClusterAuthority>> ReadAllAsync(CancellationToken cancellationToken)
    {
        var texts = await store.ReadAuthoritiesAsync(cancellationToken);
        try
        {
            return [.. texts.Select(ClusterAuthority.Read)];
        }
        catch (Exception e)
        {
            throw Unusable(e);
        }
    }

    // One that another program wrote: what is thrown for it depends on what it holds.
    private InvalidDataException Unusable(Exception cause) =>
        new($"An authority in {store.AuthorityPlace} cannot be used: stop every process of the cluster, delete all " +
            "that is there and start again.", cause);
}
