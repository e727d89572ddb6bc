using Evergrain.Suites.Pages;
using Xunit.Abstractions;

namespace Evergrain.Cluster.Tests.Pages;

// With EVERGRAIN_LONG=1, as the suites of the wire: SiloPageTests always run.

/// <summary>The playground before a cluster.</summary>
[Trait("Needs", "Long")]
[Trait("Needs", "Chromium")]
public sealed class ClusterPlaygroundTests(PageBrowser browser) : PlaygroundSuite(ClusterWire.Hosts, browser);

/// <summary>The inspector before a cluster.</summary>
[Trait("Needs", "Long")]
[Trait("Needs", "Chromium")]
public sealed class ClusterInspectorTests(PageBrowser browser, ITestOutputHelper output)
    : InspectorSuite(ClusterWire.Hosts, browser, output);
