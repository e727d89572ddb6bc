using System.Net;
using Evergrain.Conversations.Ports;
using Orleans.Hosting;

namespace Evergrain.Silo.Membership;

/// <summary>
/// The store where the cluster's processes find each other and grains keep what they keep: it is the journal's.
/// </summary>
/// <remarks>
/// Every call that returns a task throws a <see cref="JournalUnavailableException"/> when the store cannot be reached
/// or refuses.
/// </remarks>
internal interface IClusterStore
{
    /// <summary>What it is, for people.</summary>
    string Name { get; }

    /// <summary>Where <see cref="ReadAuthoritiesAsync"/> reads, for people.</summary>
    string AuthorityPlace { get; }

    /// <summary>The host of its server, or the directory of its Unix socket.</summary>
    string Host { get; }

    /// <summary>The server's port.</summary>
    int Port { get; }

    /// <summary>Makes what the cluster needs there, or checks what is there.</summary>
    Task PrepareAsync(CancellationToken cancellationToken);

    /// <summary>What time it is there.</summary>
    Task<DateTimeOffset> ReadClockAsync(CancellationToken cancellationToken);

    /// <summary>The silos of a cluster that said lately that they are alive.</summary>
    Task<IReadOnlyList<ClusterMemberPlace>> ReadMembersAsync(string cluster, CancellationToken cancellationToken);

    /// <summary>The authorities whose certificates the cluster's processes trust, the oldest first.</summary>
    Task<IReadOnlyList<AuthorityText>> ReadAuthoritiesAsync(CancellationToken cancellationToken);

    /// <summary>Adds an authority, unless another process has added the one of that number.</summary>
    Task AddAuthorityAsync(AuthorityText authority, CancellationToken cancellationToken);

    /// <summary>Lets a silo join, and gives its grains their storage.</summary>
    void AddTo(ISiloBuilder silo);

    /// <summary>Lets a frontend find silos.</summary>
    void AddTo(IClientBuilder client);
}

/// <summary>Where a silo of the cluster is.</summary>
/// <param name="Address">The address at which others reach it.</param>
/// <param name="Host">The name of its host.</param>
internal readonly record struct ClusterMemberPlace(IPAddress Address, string Host);

/// <summary>An authority as it is kept: its certificate and its private key, each as PEM.</summary>
/// <param name="Number">Its number.</param>
/// <param name="Certificate">The certificate.</param>
/// <param name="Key">The key, as PKCS #8.</param>
internal sealed record AuthorityText(int Number, string Certificate, string Key);
