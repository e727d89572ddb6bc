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
    /// The other live silos. One whose grains are not known yet is left out: Orleans would not place there what is to
    /// move there, and it would arrive nowhere.
    /// </summary>
    public IReadOnlySet<SiloAddress> Others() => membership.CurrentSnapshot.Members.Values
        .Where(member => member.Status == SiloStatus.Active && !member.SiloAddress.Equals(Self) &&
            manifest.Current.Silos.ContainsKey(member.SiloAddress))
        .Select(static member => member.SiloAddress).ToHashSet();
}
