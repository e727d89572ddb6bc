using Orleans.Metadata;

namespace Evergrain.Grains.Moving;

/// <summary>The silos of the cluster, as this one knows them.</summary>
internal sealed class LiveSilos(IClusterMembershipService membership, IClusterManifestProvider manifest,
    ILocalSiloDetails self)
{
    /// <summary>This silo.</summary>
    public SiloAddress Self => self.SiloAddress;

    /// <summary>The cluster as it becomes; a silo that has joined is in it once its grains are known.</summary>
    public IAsyncEnumerable<ClusterManifest> Changes => manifest.Updates;

    /// <summary>
    /// Whether this silo is the one that does what one silo does for all. Two may think so while the cluster changes.
    /// </summary>
    public bool IsFirst => membership.CurrentSnapshot.GetSiloStatus(Self) == SiloStatus.Active &&
        Others().All(other => Self.CompareTo(other) < 0);

    /// <summary>The other live silos.</summary>
    public IReadOnlySet<SiloAddress> Others() => membership.CurrentSnapshot.Members.Values
        .Where(member => member.Status == SiloStatus.Active && !member.SiloAddress.Equals(Self))
        .Select(static member => member.SiloAddress).ToHashSet();

    /// <summary>
    /// Whether Orleans places grains on a silo: not before its grains are known here. What is moved there earlier
    /// arrives nowhere.
    /// </summary>
    public bool IsKnown(SiloAddress silo) => manifest.Current.Silos.ContainsKey(silo);
}
