using Evergrain.Suites.Checks;
using Evergrain.Suites.Http;
using Evergrain.Suites.Sockets;
using Evergrain.Suites.Transports;

namespace Evergrain.Cluster.Tests;

// Over the grain these suites run with EVERGRAIN_LONG=1: a host's own rules have contracts, which always run.
[Trait("Needs", "Long")]
public sealed class ClusterSocketTests() : RealSocketSuite(ClusterWire.Hosts);

[Trait("Needs", "Long")]
public sealed class ClusterJsonTests() : RealJsonSuite(ClusterWire.Hosts);

[Trait("Needs", "Long")]
public sealed class ClusterStreamTests() : RealStreamSuite(ClusterWire.Hosts);

[Trait("Needs", "Long")]
public sealed class ClusterWebSocketTests() : RealWebSocketSuite(ClusterWire.Hosts);

[Trait("Needs", "Long")]
public sealed class ClusterIdempotencyTests() : IdempotencySuite(ClusterWire.Hosts);

[Trait("Needs", "Long")]
public sealed class ClusterInputCheckTests() : InputCheckSuite(ClusterWire.Hosts);

[Trait("Needs", "Long")]
public sealed class ClusterCreateTests() : RealCreateSuite(ClusterWire.Hosts);

[Trait("Needs", "Long")]
public sealed class ClusterEventStreamTests() : RealEventStreamSuite(ClusterWire.Hosts);

public sealed class ClusterCompletionsTests() : CompletionsSuite(ClusterWire.Hosts);

[Trait("Needs", "Long")]
public sealed class ClusterCompletionRulesTests() : CompletionRulesSuite(ClusterWire.Hosts);

public sealed class ClusterStoredCompletionsTests() : StoredCompletionsSuite(ClusterWire.Hosts);

[Trait("Needs", "Long")]
public sealed class ClusterCompletionListTests() : CompletionListSuite(ClusterWire.Hosts);

[Trait("Needs", "Long")]
public sealed class ClusterMutatedBodiesTests() : MutatedBodiesSuite(ClusterWire.Hosts);

[Trait("Needs", "Long")]
public sealed class ClusterTurnListTests() : ConversationsSuite(ClusterWire.Hosts);

[Trait("Needs", "Long")]
public sealed class ClusterConversationListTests() : ConversationListSuite(ClusterWire.Hosts);

// What crosses to a grain is said by the frontend.
public sealed class ClusterTurnConnectionTests() : TurnConnectionSuite(ClusterWire.Hosts);

public sealed class ClusterOpenApiTests() : OpenApiSuite(ClusterWire.Hosts);

[Trait("Needs", "Long")]
public sealed class ClusterTenantErasureTests() : TenantErasureSuite(ClusterWire.Hosts);
