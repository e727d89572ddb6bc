using Evergrain.Tests.Services;

namespace Evergrain.Frontend.Tests.Hosts;

/// <summary>Classes that share one Azurite, and so run one after the other.</summary>
[CollectionDefinition(Name)]
public sealed class AzuriteCollection : ICollectionFixture<AzuriteServer>
{
    public const string Name = "Azurite";
}
