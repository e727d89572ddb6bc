namespace Evergrain.Frontend.Tests.Crash;

/// <summary>Tests that keep every core busy with processes of their own run when no other test does.</summary>
[CollectionDefinition(nameof(ProcessTests), DisableParallelization = true)]
public sealed class ProcessTests;
