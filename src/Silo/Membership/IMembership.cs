using Orleans.Hosting;

namespace Evergrain.Silo.Membership;

/// <summary>Where the processes of a cluster find each other, and where grains keep what they keep.</summary>
internal interface IMembership
{
    /// <summary>Makes what must be there before Orleans looks.</summary>
    Task PrepareAsync(CancellationToken cancellationToken);

    /// <summary>Lets a silo join, and gives its grains their storage.</summary>
    void AddTo(ISiloBuilder silo);

    /// <summary>Lets a frontend find silos.</summary>
    void AddTo(IClientBuilder client);
}
