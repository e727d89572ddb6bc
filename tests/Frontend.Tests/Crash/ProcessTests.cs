using Evergrain.Suites.Crash;
using Evergrain.Tests.Services;

namespace Evergrain.Frontend.Tests.Crash;

/// <summary>Tests that keep every core busy with processes of their own run when no other test does.</summary>
[CollectionDefinition(nameof(ProcessTests), DisableParallelization = true)]
public sealed class ProcessTests;

/// <summary>The same, of processes that share a PostgreSQL.</summary>
[CollectionDefinition(nameof(PostgresProcessTests), DisableParallelization = true)]
public sealed class PostgresProcessTests : ICollectionFixture<PostgresServer>;

/// <summary>The same, of processes that share an Azurite.</summary>
[CollectionDefinition(nameof(AzuriteProcessTests), DisableParallelization = true)]
public sealed class AzuriteProcessTests : ICollectionFixture<AzuriteServer>;
