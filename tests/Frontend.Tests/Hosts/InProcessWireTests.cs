using Evergrain.Suites.Checks;
using Evergrain.Suites.Http;
using Evergrain.Suites.Sockets;
using Evergrain.Suites.Transports;
using Evergrain.Tests.Services;

namespace Evergrain.Frontend.Tests.Hosts;

public sealed class InProcessSocketTests() : RealSocketSuite(InProcessWire.Hosts);

public sealed class InProcessJsonTests() : RealJsonSuite(InProcessWire.Hosts);

public sealed class InProcessStreamTests() : RealStreamSuite(InProcessWire.Hosts);

public sealed class InProcessWebSocketTests() : RealWebSocketSuite(InProcessWire.Hosts);

public sealed class InProcessIdempotencyTests() : IdempotencySuite(InProcessWire.Hosts);

public sealed class InProcessInputCheckTests() : InputCheckSuite(InProcessWire.Hosts);

public sealed class InProcessCreateTests() : RealCreateSuite(InProcessWire.Hosts);

public sealed class InProcessEventStreamTests() : RealEventStreamSuite(InProcessWire.Hosts);

public sealed class InProcessCompletionsTests() : CompletionsSuite(InProcessWire.Hosts);

public sealed class InProcessCompletionRulesTests() : CompletionRulesSuite(InProcessWire.Hosts);

public sealed class InProcessStoredCompletionsTests() : StoredCompletionsSuite(InProcessWire.Hosts);

public sealed class InProcessCompletionListTests() : CompletionListSuite(InProcessWire.Hosts);

public sealed class InProcessMutatedBodiesTests() : MutatedBodiesSuite(InProcessWire.Hosts);

public sealed class InProcessTurnListTests() : ConversationsSuite(InProcessWire.Hosts);

public sealed class InProcessTenantErasureTests() : TenantErasureSuite(InProcessWire.Hosts);

[Trait("Needs", "Azurite")]
[Collection(AzuriteCollection.Name)]
public sealed class InProcessAzureErasureTests(AzuriteServer server) : TenantErasureSuite(InProcessWire.Azure(server));

public sealed class InProcessConversationListTests() : ConversationListSuite(InProcessWire.Hosts);

public sealed class InProcessTurnConnectionTests() : TurnConnectionSuite(InProcessWire.Hosts);

public sealed class InProcessOpenApiTests() : OpenApiSuite(InProcessWire.Hosts);
