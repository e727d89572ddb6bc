using Evergrain.Tests.Services;

namespace Evergrain.Frontend.Tests.Hosts;

/// <summary>Classes that share one server, and so run one after the other: a test may kill it.</summary>
[CollectionDefinition(Name)]
public sealed class PostgresCollection : ICollectionFixture<PostgresServer>
{
    public const string Name = "Postgres";
}
