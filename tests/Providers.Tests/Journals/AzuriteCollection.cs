using Evergrain.Tests.Services;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>
/// Classes that share one Azurite, and so run one after the other: a test may stop it. Those that wait for leases have
/// one of their own.
/// </summary>
[CollectionDefinition(Name)]
public sealed class AzuriteCollection : ICollectionFixture<AzuriteServer>
{
    public const string Name = "Azurite";
}
