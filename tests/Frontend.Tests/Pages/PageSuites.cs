using Evergrain.Frontend.Tests.Hosts;
using Evergrain.Suites.Pages;
using Xunit.Abstractions;

namespace Evergrain.Frontend.Tests.Pages;

/// <summary>The playground of a server alone.</summary>
[Trait("Needs", "Chromium")]
public sealed class PlaygroundTests(PageBrowser browser) : PlaygroundSuite(InProcessWire.Hosts, browser);

/// <summary>The inspector of a server alone.</summary>
[Trait("Needs", "Chromium")]
public sealed class InspectorTests(PageBrowser browser, ITestOutputHelper output)
    : InspectorSuite(InProcessWire.Hosts, browser, output);
